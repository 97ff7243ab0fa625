"""The funnel: from what people did to what a model is trained on, over all turns so far.

In: the tables as the stages left them. Out: levels, each with its count and what did not reach it, by reason. A level
counts its own unit (events, signals, labels, examples), so only what stands beside `dropped` was taken away on the way.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Literal

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import silver
from pipelines.context import Context
from pipelines.curate.examples import UNLABELLED
from pipelines.curate.record import Curation, newest_curation
from pipelines.dataset.manifest import newest_manifest
from schemas.examples import TRAINING_USES

LevelName = Literal["events", "signals", "valid signals", "labels", "deduplicated", "training examples"]


class Level(msgspec.Struct, frozen=True):
    """One level: how many there are, how they divide, and how many fell away before it, by reason."""

    name: LevelName
    count: int
    parts: dict[str, int]
    dropped: dict[str, int]


def measure_funnel(context: Context, app: str) -> list[Level]:
    """The levels of an application that there is something to say of, from the top."""
    levels = [_events(context, app), *_signals(context, app)]
    if (curation := newest_curation(context.lake, app)) is not None:
        levels += [_labels(curation), _deduplicated(curation)]
    if (manifest := newest_manifest(context.lake, app)) is not None:
        training: dict[str, int] = {use: manifest.sets[use] for use in sorted(TRAINING_USES & manifest.sets.keys())}
        others = {f"kept for {name}": count for name, count in manifest.sets.items() if name not in training}
        levels.append(Level("training examples", sum(training.values()), training, others))
    return levels


def _events(context: Context, app: str) -> Level:
    """Drains serve every application, and what was rejected names none: those are everybody's."""
    accepted, rejected = Counter[str](), Counter[str]()
    for run in context.lake.read("ops/runs", ["counts_out", "dropped"], pc.field("stage") == "ingest").to_pylist():
        accepted.update(msgspec.json.decode(run["counts_out"], type=dict[str, int]))
        rejected.update(msgspec.json.decode(run["dropped"], type=dict[str, int]))
    return Level("events", accepted[app], {}, _readable(+rejected))


def _signals(context: Context, app: str) -> list[Level]:
    """Those of current conversations, and those of admitted ones."""
    found = silver.rows_of(context.lake, "silver/signals", app, silver.current_revisions(context.lake, app))
    valid = silver.rows_of(context.lake, "silver/signals", app, silver.admitted_revisions(context.lake, app))
    withheld = found.num_rows - valid.num_rows
    return [
        Level("signals", found.num_rows, _given(found), {}),
        Level("valid signals", valid.num_rows, _given(valid), {"not admitted": withheld} if withheld else {}),
    ]


def _given(signals: pa.Table) -> dict[str, int]:
    explicit = pc.sum(signals.column("explicit")).as_py() or 0
    return {"explicit": explicit, "implicit": signals.num_rows - explicit}


def _labels(curation: Curation) -> Level:
    """Every label that a rule proposed; what fell away are answers that no rule says anything about."""
    count = sum(curation.examples.values()) + sum(_withdrawn(curation).values())
    return Level("labels", count, {}, _readable(curation.dropped.get(UNLABELLED, {})))


def _deduplicated(curation: Curation) -> Level:
    return Level(
        "deduplicated", sum(curation.examples.values()), dict(curation.examples), _readable(_withdrawn(curation))
    )


def _withdrawn(curation: Curation) -> dict[str, int]:
    """Labels that a step took away again, by reason."""
    counts = Counter[str]()
    for step, reasons in curation.dropped.items():
        if step != UNLABELLED:
            counts.update(reasons)
    return dict(counts)


def _readable(counts: Mapping[str, int]) -> dict[str, int]:
    return {name.replace("_", " "): count for name, count in sorted(counts.items(), key=lambda item: -item[1])}
