"""The steps of curation over all examples: from conversations to candidates.

In: conversations, and the section [curation] of the configuration. Out: the examples that stay and the others with
step and reason; every answer and every label is in exactly one count (I10). A function of its input (I3): the stage
and the replay of a data set both call `curated`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from feedback.near_duplicates import PERMUTATIONS, Signatures, normalise
from feedback.select import Candidate, Limits, select
from pipelines.curate.examples import EXAMPLE, UNLABELLED, examples_of, sign, user_text
from pipelines.people import owner_of
from pipelines.runs import Counts
from schemas.config import Config
from schemas.tables import TABLES, TableName

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
    def counts(self) -> Counts:
        """Answers and labels in; labelled answers and examples by use out; the others by reason."""
        labels = [row for row in self.rows if row["step"] != UNLABELLED]
        labelled = len({row["response_id"] for row in labels})
        return Counts(
            Counter(answers=labelled + len(self.rows) - len(labels), labels=len(labels)),
            Counter(labelled_answers=labelled, **self.by("use")),
            Counter(row["reason"] for row in self.rows if row["step"] is not None),
        )


def curated(conversations: pa.Table, config: Config) -> Curated:
    """Label, check, redact and sign on Ray; then decide over all examples."""
    rows = _on_ray(conversations, config)
    decide([row for row in rows if row["step"] is None], config)
    return Curated(rows)


def _on_ray(conversations: pa.Table, config: Config) -> list[dict[str, Any]]:
    """Rows of EXAMPLE for every conversation, sorted by example id. Ray must be initialised."""
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
    return sorted(rows, key=lambda row: row["example_id"])


def decide(rows: Sequence[dict[str, Any]], config: Config) -> None:
    """Mark in place what selection drops, and name the cluster of the others."""
    limits = Limits(config.curation.near_duplicate_jaccard, config.curation.max_examples_per_user)
    candidates = [_candidate(row) for row in rows]
    signatures = _stacked([row["signature"] for row in rows])
    writing = _stacked(sign([candidate.written or "" for candidate in candidates]))
    selection = select(candidates, signatures, writing, limits)
    for row in rows:
        if dropped := selection.dropped.get(row["example_id"]):
            row["step"], row["reason"] = dropped
        else:
            row["cluster"] = selection.cluster_of[row["example_id"]]


def _stacked(signatures: Sequence[Sequence[int]]) -> Signatures:
    return np.array(signatures, dtype=np.uint32).reshape(len(signatures), PERMUTATIONS)


def _candidate(row: Mapping[str, Any]) -> Candidate:
    return Candidate(
        example_id=row["example_id"],
        use=row["use"],
        split=row["split"],
        owner=owner_of(row),
        source=row["source"],
        time=row["said_at"],
        response_id=row["response_id"],
        prompt="\n".join(f"{message['role']} {normalise(message['content'])}" for message in row["prompt"]),
        text=normalise(user_text(row["prompt"])),
        written=normalise(row["completion"]) if row["rule"] == "edited" else None,
        completion=" ".join(row["completion"].casefold().split()),
        liked=row["liked"],
        weight=row["weight"],
    )


def _table(name: TableName, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    schema = TABLES[name].schema
    return pa.Table.from_pylist(list(rows), schema=schema.remove(schema.get_field_index("run_id")))
