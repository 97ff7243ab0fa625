"""The figures of a batch, each bounded by an expectation of suites/batch.toml, which says what it means.

In: a batch and the baseline. Out: the figures that can be judged; for others the reason why not. A share of few rows is
large by chance, so none is taken of fewer than `min_turns`; a drift counts by its own test (`feedback.drift`).
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import pyarrow.compute as pc

from feedback.drift import Drift, drift
from pipelines.validate.baseline import Baseline, Entry
from pipelines.validate.batch import Batch
from pipelines.validate.mix import ABSENT, DECLARED, DRIFTING, Mix, greatest_share, mix_of
from schemas.config import App, Validation

Facts = dict[str, float]
"""A figure by its name; one that cannot be judged is not in it."""

LARGEST_GROUPS = 20
"""Groups that are compared in one dimension, by people in the batch: each more makes all of them less sensitive."""


@dataclass(frozen=True, slots=True)
class Figures:
    """`entry`: what later batches are held against. `moved` says of a figure what moved, `unjudged` what is lacking."""

    facts: Facts
    entry: Entry
    moved: dict[str, str]
    unjudged: dict[str, str]


def entry_of(batch: Batch) -> Entry:
    """What a gate record keeps of its batch."""
    feedback = batch.new_signals.filter(pc.field("explicit"))
    return Entry(
        turns=batch.new_turns.num_rows,
        as_of=batch.as_of.timestamp(),
        person_share=greatest_share(batch.new_turns),
        feedback_person_share=greatest_share(feedback),
        feedback=feedback.num_rows,
        mix=mix_of(batch.new_turns, batch.new_signals),
    )


def facts_alone(batch: Batch) -> Facts:
    """What needs nothing but the batch."""
    turns = batch.turns.num_rows
    events = pc.sum(pc.list_value_length(batch.conversations.column("events"))).as_py()
    errors = pc.sum(pc.equal(batch.turns.column("finish_reason"), "error")).as_py()
    facts = {
        "turns": turns,
        "people": pc.count_distinct(batch.turns.column("person")).as_py(),
        "duplicate_share": pc.sum(batch.conversations.column("duplicates")).as_py() / events,
        "error_share": (errors or 0) / turns,
        "feedback_per_turn": (pc.sum(batch.signals.column("explicit")).as_py() or 0) / turns,
    }
    if newest := pc.max(batch.new_turns.column("turn_time")).as_py():
        facts["newest_turn_age_s"] = (batch.as_of - newest).total_seconds()
    return facts


def measure(batch: Batch, baseline: Baseline, app: App, validation: Validation, released: Collection[str]) -> Figures:
    """All figures. `released`: versions of models that were released for the application."""
    figures = Figures(facts_alone(batch), entry_of(batch), {}, {})
    if not batch.new_turns.num_rows:
        figures.unjudged["new turns"] = "none: all of them were admitted before"
    if len(baseline.entries) < validation.min_baseline_batches:
        needed = validation.min_baseline_batches
        figures.unjudged["baseline"] = f"of {len(baseline.entries)} admitted batches, {needed} are needed"
        return figures
    if batch.new_turns.num_rows:
        figures.facts["volume_ratio"] = baseline.volume_ratio(figures.entry)
        _judge_declared(figures, baseline, app, released)
    _judge_people(figures, baseline, validation)
    _judge_drift(figures, baseline.mix, validation)
    return figures


def _judge_declared(figures: Figures, baseline: Baseline, app: App, released: Collection[str]) -> None:
    expected: Mapping[str, Collection[str]] = {
        "model_version": released,
        "prompt_version": [*app.prompts, ABSENT],
        "app_type": [app.type],
    }
    found, turns = figures.entry.mix, figures.entry.turns
    strange = {name: {*found[name][""]} - {*expected[name]} - baseline.known[name] for name in DECLARED}
    figures.facts["undeclared_share"] = max(
        sum(found[name][""][of] for of in strange[name]) / turns for name in DECLARED
    )
    if any(strange.values()):
        named = (f"{name} {category}" for name in DECLARED for category in sorted(strange[name]))
        figures.moved["undeclared_share"] = ", ".join(named)


def _judge_people(figures: Figures, baseline: Baseline, validation: Validation) -> None:
    entry = figures.entry
    for name, rows in (("person_share", entry.turns), ("feedback_person_share", entry.feedback)):
        share = getattr(entry, name)
        if rows < validation.min_turns:
            figures.unjudged[name] = f"of {rows}, {validation.min_turns} are needed"
        elif baseline.usual(name) > validation.max_person_share:
            figures.unjudged[name] = f"one person usually has {baseline.usual(name):.0%}"
        else:
            figures.facts[name] = share


def _judge_drift(figures: Figures, before: Mix, validation: Validation) -> None:
    pairs = list(_comparable(before, figures.entry.mix))
    for dimension in DRIFTING:
        of = {group for name, group in pairs if name == dimension}
        if not of:
            figures.unjudged[f"{dimension}_drift"] = "nobody on one of the sides"
            continue
        found: dict[str, Drift] = {}
        for group in sorted(of):
            now, alpha = figures.entry.mix[dimension][group], validation.drift_alpha / len(pairs)
            if moved := drift(before[dimension][group], now, validation.max_drift, alpha):
                found[group] = moved
        figures.facts[f"{dimension}_drift"] = max((moved.psi for moved in found.values()), default=0.0)
        if found:
            figures.moved[f"{dimension}_drift"] = "; ".join(_words(group, moved) for group, moved in found.items())


def _comparable(before: Mix, now: Mix) -> Iterator[tuple[str, str]]:
    """Dimensions and groups that both sides have, the largest of each dimension."""
    for dimension in DRIFTING:
        both = [group for group in now.get(dimension, {}) if before.get(dimension, {}).get(group)]
        largest = sorted(both, key=lambda group: -sum(now[dimension][group].values()))
        yield from ((dimension, group) for group in largest[:LARGEST_GROUPS])


def _words(group: str, moved: Drift) -> str:
    where = f"{group}: " if group else ""
    return f"{where}{moved.category} was {moved.before:.0%} and is {moved.now:.0%} of {moved.people} people"
