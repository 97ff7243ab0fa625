"""The steps of curation over all examples: from conversations to candidates.

In: conversations, and the section [curation] of the configuration. Out: the examples that stay and the others with
step and reason; every answer and every label is in exactly one count (I10). A function of its input (I3): the stage
and the replay of a data set both call `curated`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeAlias

import pyarrow as pa

from feedback.agreement import Agreement, agreement
from feedback.coverage import length_band
from feedback.near_duplicates import normalise
from feedback.select import Candidate, Limits, Reserved, select
from feedback.templates import fixed_parts, own_words
from pipelines.curate.benchmarks import questions
from pipelines.curate.examples import EXAMPLE, UNLABELLED, examples_of, user_text
from pipelines.people import owner_of
from pipelines.runs import Counts
from schemas.config import Config
from schemas.tables import TABLES, TableName

_Words: TypeAlias = Callable[[str], str]
"""`normalise`, of each text once."""

GIVEN: Final = ("system", "developer", "tool")
"""Roles of what the application gives the model: instructions, documents, results of tools."""
_CONVERSATIONS_PER_BATCH: Final = 256
"""Some thousand rows: large enough for columns, small enough to spread over a cluster's workers."""


@dataclass(frozen=True, slots=True)
class Curated:
    """What became of everything: `rows` of EXAMPLE with their cluster, sorted by example id."""

    rows: Sequence[Mapping[str, Any]]

    @property
    def kept(self) -> pa.Table:
        """Rows of gold/candidates without run_id."""
        return _table("gold/candidates", [row for row in self.rows if row["step"] is None])

    @property
    def dropped(self) -> pa.Table:
        """Rows of gold/dropped without run_id. An answer without a label is counted, but is no example."""
        return _table("gold/dropped", [row for row in self.rows if row["step"] not in (None, UNLABELLED)])

    @property
    def drops(self) -> dict[str, dict[str, int]]:
        """Counts of what went, by step, then reason."""
        counts = Counter((row["step"], row["reason"]) for row in self.rows if row["step"] is not None)
        return {
            step: {reason: count for (of, reason), count in sorted(counts.items()) if of == step}
            for step in sorted({step for step, _ in counts})
        }

    def by(self, column: str) -> dict[str, int]:
        """Counts of what stayed, by the values of a column."""
        return dict(sorted(Counter(row[column] for row in self.rows if row["step"] is None).items()))

    @property
    def personal(self) -> dict[str, int]:
        """Counts of what was taken out of what stayed, by type."""
        finds = Counter(kind for row in self.rows if row["step"] is None for kind in row["personal"])
        return dict(sorted(finds.items()))

    @property
    def gate_answered(self) -> int:
        """Answers that were drawn for the gate and confirmed or corrected."""
        return len({row["response_id"] for row in self.rows if row["use"] == "eval"})

    @property
    def gate_asked(self) -> int:
        """Answers that were drawn for the gate and may be read."""
        return self.gate_answered + len([row for row in self.rows if row["reason"] == "gate_unanswered"])

    @property
    def agreement(self) -> Agreement:
        """Of people who judged the same answer to the same request, whatever was kept of what they said."""
        judged, words = (row for row in self.rows if row["use"] == "kto"), cache(normalise)
        return agreement(
            ((_prompt(row, words), _folded(row["completion"])), owner_of(row), row["liked"]) for row in judged
        )

    @property
    def counts(self) -> Counts:
        """Answers and labels in; labelled answers and examples by use out; the others by reason."""
        labels = [row for row in self.rows if row["step"] != UNLABELLED]
        labelled = len({row["response_id"] for row in labels})
        return Counts(
            Counter(answers=labelled + len(self.rows) - len(labels), labels=len(labels)),
            Counter(labelled_answers=labelled, **self.by("use")),
            Counter(row["reason"] for row in self.rows if row["step"] is not None),
        )


def curated(conversations: pa.Table, config: Config, evaluated: Iterable[str] = ()) -> Curated:
    """Label, check and redact; then decide over all examples. `evaluated`: see `decide`. Ray must be initialised."""
    return decided(labelled(conversations, config), config, evaluated)


def labelled(conversations: pa.Table, config: Config) -> list[dict[str, Any]]:
    """Rows of EXAMPLE for every conversation, labelled, checked and redacted on Ray, which must be initialised."""
    import ray.data

    ray.data.DataContext.get_current().enable_progress_bars = False
    eval_share, limits = config.split.eval_share, config.curation
    examples = ray.data.from_arrow(conversations).map_batches(
        lambda batch: examples_of(batch, eval_share, limits),
        batch_format="pyarrow",
        batch_size=_CONVERSATIONS_PER_BATCH,
    )
    tables = [ray.get(reference) for reference in examples.to_arrow_refs()]
    rows: list[dict[str, Any]] = pa.concat_tables([EXAMPLE.empty_table(), *tables]).to_pylist()
    return rows


def decided(rows: Iterable[dict[str, Any]], config: Config, evaluated: Iterable[str] = ()) -> Curated:
    """Decide over all rows of EXAMPLE, in place. `evaluated`: see `decide`."""
    ordered = sorted(rows, key=lambda row: row["example_id"])
    decide([row for row in ordered if row["step"] is None], config, evaluated)
    return Curated(ordered)


def decide(rows: Sequence[dict[str, Any]], config: Config, evaluated: Iterable[str] = ()) -> None:
    """Mark in place what selection drops, and name the cluster of the others.

    `evaluated`: what people wrote in the evaluation items of earlier versions, as it stands there.
    """
    limits = Limits(**{name: getattr(config.curation, name) for name in Limits.__slots__})
    templates = {name: fixed_parts(app.prompts.values()) for name, app in config.apps.items()}
    words = cache(normalise)  # most texts are in several examples
    candidates = [_candidate(row, templates[row["app"]], words) for row in rows]
    parts = [part for of_app in templates.values() for part in of_app]
    reserved = Reserved(
        questions(config.curation.benchmarks), [own_words(normalise(text), parts) for text in evaluated]
    )
    selection = select(candidates, limits, reserved)
    for row in rows:
        if dropped := selection.dropped.get(row["example_id"]):
            row["step"], row["reason"] = dropped
        else:
            row["cluster"] = selection.cluster_of[row["example_id"]]


def _prompt(row: Mapping[str, Any], words: _Words) -> str:
    """What the model saw."""
    return "\n".join(f"{message['role']} {words(message['content'])}" for message in row["prompt"])


def _candidate(row: Mapping[str, Any], templates: Sequence[str], words: _Words) -> Candidate:
    return Candidate(
        example_id=row["example_id"],
        use=row["use"],
        split=row["split"],
        owner=owner_of(row),
        source=row["source"],
        time=row["said_at"],
        response_id=row["response_id"],
        prompt=_prompt(row, words),
        text=own_words(words(user_text(row["prompt"])), templates),
        written=words(row["completion"]) if row["rule"] == "edited" else None,
        completion=_folded(row["completion"]),
        liked=row["liked"],
        weight=row["weight"],
        rejected=row["rejected"] and _folded(row["rejected"]),
        # A pair that somebody's own answer won says what is wanted, as that answer alone does.
        wants=row["use"] == "sft" or row["rule"] == "edit_preferred",
        context=words(" ".join(message["content"] for message in row["prompt"] if message["role"] in GIVEN)),
        only_liked=row["only_liked"],
        generated=row["generated"],
        groups=_groups(row),
        is_english=row["language"] == "en",
    )


def _groups(row: Mapping[str, Any]) -> dict[str, str]:
    """What a set that cannot have everything must keep something of."""
    return {
        "language": row["language"] or "unknown",
        "length": length_band(user_text(row["prompt"])),
        "model": row["model_version"],
        "rule": row["rule"],
    }


def _folded(answer: str) -> str:
    """What two answers must share to be the same: an edit of case and white space confirms."""
    return " ".join(answer.casefold().split())


def _table(name: TableName, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    schema = TABLES[name].schema
    return pa.Table.from_pylist(list(rows), schema=schema.remove(schema.get_field_index("run_id")))
