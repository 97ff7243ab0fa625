"""The record of a stage run: what went in, what came out, what was dropped and why (I10).

In: counts a stage reports. Out: one row of ops/runs, written only if in = out + dropped.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import msgspec
from feedwheel_capture.ids import uuid7

from pipelines.context import Context
from pipelines.io.lake import Carried, no_transactions, until_committed
from pipelines.io.openlineage import Catalogue, Dataset, RunRecord
from pipelines.version import code_hash
from schemas.errors import ContractViolation, FeedwheelError, NothingToDo

Stage = Literal[
    "ingest",
    "extract",
    "validate",
    "calibrate",
    "curate",
    "dataset",
    "train",
    "evaluate",
    "release",
    "privacy",
    "simulate",
    "maintain",
]


@dataclass(slots=True)
class Counts:
    """Rows of one stage run by name. `dropped` is by reason; each unit that went in is in exactly one of the others."""

    taken: Counter[str] = field(default_factory=Counter)
    given: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Counts") -> None:
        """Count everything that `other` counts."""
        self.taken.update(other.taken)
        self.given.update(other.given)
        self.dropped.update(other.dropped)

    def check(self, stage: Stage) -> None:
        """Raise ContractViolation unless in = out + dropped."""
        taken, given, dropped = self.taken.total(), self.given.total(), self.dropped.total()
        if taken != given + dropped:
            raise ContractViolation(f"{stage}: {taken} in, but {given} out + {dropped} dropped")


@dataclass(frozen=True, slots=True)
class Run:
    """A stage run under way: its id goes into what it writes, its counts into ops/runs.

    What it read and wrote is told to a lineage catalogue, if there is one; a run that names nothing is not told.
    """

    run_id: str
    counts: Counts = field(default_factory=Counts)
    inputs: list[Dataset] = field(default_factory=list)
    outputs: list[Dataset] = field(default_factory=list)

    def touches(self, inputs: Iterable[Dataset], outputs: Iterable[Dataset] = ()) -> None:
        """Say what it reads and writes, in place of what was said before."""
        self.inputs[:], self.outputs[:] = inputs, outputs


@contextmanager
def stage_run(
    context: Context,
    app: str,
    stage: Stage,
    since: datetime | None = None,
    count: Callable[[Counts], Carried | None] | None = None,
) -> Iterator[Run]:
    """Record a run of `stage` unless it raises; `since` it runs, or from now on.

    `count` fills in the counts at the end, again if others did so meanwhile; where it returns None the run leaves no
    record. Raises ContractViolation if counts do not add up, InfrastructureError.
    """
    started_at, started = since or context.clock(), time.monotonic()
    run = Run(uuid7(started_at))

    def record() -> bool:
        carried = count(run.counts) if count else no_transactions
        if carried is None:
            return False
        run.counts.check(stage)
        row = {
            "run_id": run.run_id,
            "app": app,
            "stage": stage,
            "started_at": started_at,
            "seconds": (context.clock() - since).total_seconds() if since else time.monotonic() - started,
            "code_hash": code_hash(),
            "counts_in": canonical_json(run.counts.taken),
            "counts_out": canonical_json(run.counts.given),
            "dropped": canonical_json(run.counts.dropped),
        }
        context.lake.append("ops/runs", [row], carried)
        return True

    try:
        yield run
        is_recorded = until_committed(record)
    except NothingToDo:
        raise
    except Exception as error:
        _tell(context, app, stage, run, started_at, str(error) if isinstance(error, FeedwheelError) else _name(error))
        raise
    if is_recorded:
        _tell(context, app, stage, run, started_at)


def _tell(context: Context, app: str, stage: Stage, run: Run, started_at: datetime, error: str | None = None) -> None:
    settings = context.settings
    if not (run.inputs or run.outputs):
        return
    key = settings.openlineage_api_key
    catalogue = Catalogue(
        settings.openlineage_namespace,
        settings.openlineage_file,
        settings.openlineage_url,
        key.get_secret_value() if key else None,
    )
    job = stage if stage == "ingest" else f"{stage}.{app}"  # a drain is of all applications, whoever started it
    catalogue.tell(RunRecord(run.run_id, job, started_at, context.clock(), run.inputs, run.outputs, error))


def _name(error: Exception) -> str:
    """Not its text, which may quote what somebody wrote."""
    return type(error).__name__


def canonical_json(value: object) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return msgspec.json.encode(value, order="sorted").decode()
