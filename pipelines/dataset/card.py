"""The card of a data set: what it is, for what and for what not, in words and tables that people can check.

In: a manifest, and nothing else, so no text of a user can be in it. Out: sections, which `markdown` and `page` write.
Counts only: nobody is named, and no id of a person stands in a manifest.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from feedback.coverage import Spread
from feedback.power import LOST, POWER
from pipelines.dataset.composition import Composition
from pipelines.dataset.funnel import Step
from pipelines.dataset.manifest import Manifest
from pipelines.dataset.rows import split_named

_USES: Final = {
    "eval": "evaluation: what people confirmed or corrected who were asked whatever the answer was",
    "sft": "finetuning towards wanted answers",
    "kto": "preference training on single answers, liked or not",
    "dpo": "preference training on pairs, one answer chosen over another",
}
_NAMED_GROUPS: Final = 12
"""Groups of a spread that are listed; the rest is one line."""
_UNKNOWN: Final = "Built by a version that did not note it."


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: its columns and rows, and the place of a column of shares to draw, if there is one."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    share: int | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, what is said below it, and tables. `code`: lines to type."""

    title: str
    paragraphs: Sequence[str] = ()
    points: Sequence[str] = ()
    grids: Sequence[Grid] = ()
    code: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Card:
    """The whole card. `facts` stand on top, name and value."""

    title: str
    facts: Sequence[tuple[str, str]]
    sections: Sequence[Section]


def card_of(manifest: Manifest) -> Card:
    """The card of a data set."""
    return Card(
        title=f"Data set {manifest.dataset_id}",
        facts=list(_facts(manifest)),
        sections=[
            _what(manifest),
            _purpose(manifest),
            _composition(manifest.composition),
            _collection(manifest),
            _people(manifest.composition),
            _bias(manifest),
            _power(manifest),
            _limits(manifest),
            _licences(manifest),
            _reproduction(manifest),
        ],
    )


def _facts(manifest: Manifest) -> Iterator[tuple[str, str]]:
    yield "application", f"{manifest.app} ({manifest.app_type})"
    yield "built", f"{manifest.built_at:%F %R} UTC"
    yield "examples", f"{sum(manifest.sets.values()):,}"
    yield "content hash", manifest.content_hash
    yield "configuration", manifest.config_hash
    yield "code", manifest.code_hash


def _what(manifest: Manifest) -> Section:
    rows = [
        (name, f"{count:,}", _USES.get(name, "as its name says"), split_named(name))
        for name, count in sorted(manifest.sets.items())
    ]
    chosen = [f"{name}: {value}" for name, value in _selection(manifest)]
    return Section(
        "What it is",
        [
            "Examples that people's feedback on the answers of a deployed language model supports, one set for each "
            "use. " + ("It holds every candidate of its time." if manifest.is_whole else "It is a selection:")
        ],
        chosen,
        [Grid(("set", "examples", "for", "split"), rows)],
    )


def _selection(manifest: Manifest) -> Iterator[tuple[str, str]]:
    selection = manifest.selection
    if selection.since:
        yield "answers from", f"{selection.since:%F %R} UTC on"
    if selection.until:
        yield "answers before", f"{selection.until:%F %R} UTC"
    if selection.where:
        yield "where", selection.told


def _purpose(manifest: Manifest) -> Section:
    bad = [
        "Not for training on the set eval: its people train nothing, and what learnt from it cannot be judged by it.",
        "Not for statements about people who gave no feedback: those who do differ from the others (see Bias).",
        "Not for another application without a look at what its people ask.",
    ]
    if not manifest.is_whole:
        bad.append("Not for a release: a selection bends what people ask, and only whole sets are trained on unasked.")
    good = [f"{name}: {_USES[name]}." for name in sorted(manifest.sets) if name in _USES]
    return Section("For what, and for what not", points=[*good, *bad])


def _composition(made_of: Composition | None) -> Section:
    if made_of is None:
        return Section("Composition", [_UNKNOWN])
    grids = [_entropies(made_of)]
    for name, found in made_of.coverage.items():
        if found.counts:
            grids.append(_groups(name, found))
    words = "no examples"
    if made_of.first and made_of.last:
        words = f"Answers given from {made_of.first:%F %R} to {made_of.last:%F %R} UTC."
    return Section(
        "Composition",
        [
            words,
            "Coverage is the entropy of groups, H = -sum p log2 p in bits; 2^H groups of one size would cover as much, "
            "and evenness is H by that of equal groups. A topic is a group of messages that lie together by meaning.",
        ],
        grids=grids,
    )


def _entropies(made_of: Composition) -> Grid:
    rows = [
        (
            name,
            f"{found.groups:,}",
            f"{found.entropy:.2f}",
            f"{2**found.entropy:,.1f}",
            "-" if found.evenness is None else f"{found.evenness:.2f}",
            f"{found.largest:.1%}",
        )
        for name, found in made_of.coverage.items()
    ]
    return Grid(("over", "groups", "entropy, bits", "equal groups", "evenness", "largest"), rows, share=5)


def _groups(name: str, found: Spread) -> Grid:
    shown = list(found.counts.items())[:_NAMED_GROUPS]
    rest = found.examples - sum(count for _, count in shown)
    if rest:
        shown.append((f"{found.groups - _NAMED_GROUPS} others", rest))
    return Grid(
        (name, "examples", "share"), [(of, f"{count:,}", f"{count / found.examples:.1%}") for of, count in shown], 2
    )


def _collection(manifest: Manifest) -> Section:
    inputs = manifest.inputs
    rows = [(part.topic_id, str(part.partition), f"0 to {part.next:,}") for part in inputs.vector]
    steps = [step for step in manifest.funnel if step.dropped]
    return Section(
        "How it was collected",
        [
            f"From {manifest.input_rows:,} accepted events, as they were known at {inputs.as_of:%F %R} UTC. People "
            "used the application; what they said and did about its answers became signals, signals became labels by "
            "the rules below, and steps took out what a set should not hold. "
            + (f"{len(inputs.withheld):,} conversations were not admitted." if inputs.withheld else ""),
            f"{manifest.gate_asked:,} answers of people who evaluate were shown with a request to confirm or correct, "
            f"{manifest.gate_answered:,} of them were.",
        ],
        grids=[
            Grid(("rule", "examples"), [(name, f"{count:,}") for name, count in sorted(manifest.rules.items())]),
            Grid(("step", "in", "left out", "why", "left"), [_step(step) for step in steps]),
            Grid(("topic id", "partition", "offsets"), rows),
        ],
    )


def _step(step: Step) -> tuple[str, ...]:
    reasons = ", ".join(f"{reason.replace('_', ' ')} {count:,}" for reason, count in sorted(step.dropped.items()))
    return step.name, f"{step.taken:,}", f"{step.taken - step.left:,}", reasons, f"{step.left:,}"


def _people(made_of: Composition | None) -> Section:
    if made_of is None:
        return Section("Who is in it", [_UNKNOWN])
    rows = [
        (
            name,
            f"{of.people:,}",
            f"{of.anonymous:,}",
            f"{of.conversations:,}",
            f"{of.simulated / of.examples:.0%}" if of.examples else "-",
            f"{of.median_words_asked:,}",
            f"{of.median_words_answered:,}",
        )
        for name, of in made_of.sets.items()
    ]
    columns = (
        "set",
        "people",
        "anonymous conversations",
        "conversations",
        "simulated",
        "words asked",
        "words answered",
    )
    return Section(
        "Who is in it",
        ["People are counted by a keyed hash; nobody is named here. Words are medians. Nobody is in two splits."],
        grids=[Grid(columns, rows)],
    )


def _bias(manifest: Manifest) -> Section:
    if manifest.bias is None:
        return Section("Bias", [_UNKNOWN])
    rows = [
        (
            figure.bias,
            figure.measure,
            _number(figure.raw),
            _number(figure.corrected),
            "-" if figure.low is None or figure.high is None else f"{figure.low:.3f} to {figure.high:.3f}",
            f"{figure.n:,} {figure.counted}" if figure.n else "-",
            figure.note or "",
        )
        for figure in manifest.bias.figures
    ]
    return Section(
        "Bias",
        [f"Over {manifest.bias.answers:,} answers shown to {manifest.bias.people:,} people."],
        grids=[Grid(("bias", "measure", "raw", "corrected", "95 %", "n", "note"), rows)],
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _power(manifest: Manifest) -> Section:
    if manifest.composition is None:
        return Section("Power", [_UNKNOWN])
    power = manifest.composition.power
    found = (
        "No difference between two models can be shown by them: it takes more people."
        if power.detectable is None
        else f"A true difference of accuracies of {power.detectable:.1%} or more would be seen in {POWER:.0%} of tries."
    )
    return Section(
        "Power",
        [
            f"{power.items:,} items of {power.people:,} people, error rate {power.alpha:g}. {found}",
            f"Computed with the gate's own interval, one item a person, where {LOST:.0%} of people lose by the change.",
        ],
    )


def _limits(manifest: Manifest) -> Section:
    points = [
        "Labels rest on what people did, not on what is true: a liked answer may be false.",
        "Personal data is removed by patterns and recognisers, none of which finds everything.",
        "Languages are told by frequent words; short messages stay unknown.",
    ]
    if manifest.gate_asked:
        silent = 1 - manifest.gate_answered / manifest.gate_asked
        points.append(f"{silent:.0%} of those who were asked did not answer: what they think is bounded, not known.")
    if manifest.composition and any(of.simulated for of in manifest.composition.sets.values()):
        points.append(
            "People of this application are simulated: their words are real, what they do about answers is not."
        )
    return Section("Known limits", points=points)


def _licences(manifest: Manifest) -> Section:
    rows = sorted(manifest.licences.items())
    return Section(
        "Licences", [] if rows else [_UNKNOWN], grids=[Grid(("whose words", "licence"), rows)] if rows else []
    )


def _reproduction(manifest: Manifest) -> Section:
    versions = [(name, version) for name, version in sorted(manifest.artefacts.items())]
    versions += [(f"table {name}", f"version {version}") for name, version in sorted(manifest.versions.items())]
    return Section(
        "How to reproduce it",
        [
            "The same examples come out of the same events, on another machine too; people who were erased or have "
            "withdrawn since are left out and named as the reason."
        ],
        grids=[Grid(("made with", "version"), versions)],
        code=[f"feedwheel dataset replay {manifest.dataset_id} --app {manifest.app}"],
    )
