"""One drain: everything that the declared topics held when it began becomes rows of bronze.

In: topics of feedwheel.toml on a cluster. Out: bronze tables with their offsets, dead letters, and `as_of`. The steps,
numbered as in the code:

1. begin an epoch: what comes later belongs to the next drain;
2. read and commit ranges, round by round, until every partition is at its end, whoever committed it (I1, I2);
3. only then settle it: move `as_of`, extract's clock, and publish the dead letters of what is committed (I4).

A drain may die anywhere: the next one begins at the offsets of the last commit. One of many, back to back, looks at the
logs again before each round: a long backlog of one topic does not keep others waiting.
"""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import count, islice
from typing import Final

from pipelines.context import Context
from pipelines.ingest.columns import UNKNOWN_APP
from pipelines.ingest.commit import Committer
from pipelines.ingest.counting import count_commits
from pipelines.ingest.datasets import read_by, topics_of, written_by
from pipelines.ingest.epoch import Epoch, read_progress
from pipelines.ingest.manifest import Range
from pipelines.ingest.offsets import Source, as_of
from pipelines.ingest.payload import PayloadCipher
from pipelines.ingest.pipeline import run_round
from pipelines.ingest.plan import RANGE_OFFSETS, remaining
from pipelines.ingest.report import IngestReport
from pipelines.ingest.survey import survey
from pipelines.ingest.watch import written
from pipelines.ingest.write import RangeWriter
from pipelines.io.kafka_ranges import RangeReader
from pipelines.io.schema_registry import Registry
from pipelines.runs import stage_run
from schemas.errors import ContractViolation, NothingToDo

ROUND_RANGES: Final = 32
"""Ranges between two commits, 10 s of work: at most so much is read in vain when a drain dies. Each round is a
pipeline, whose start takes a quarter of a second."""

_MAX_THREADS: Final = 4
"""The part that Python's lock lets only one thread do takes about a quarter of the time."""

MAX_AGE_S: Final = 60.0
"""How long the first of a few events may wait for others: each commit costs a file for every partition and an entry of
the log, which is 1,440 of them a day and table at the least. Nothing downstream looks more often."""

ALL_APPS: Final = "*"
"""Names the run of a drain that was not started for one application."""


class LogTruncated(ContractViolation):
    """A partition's log ends before offsets that were ingested from it: the cluster lost acknowledged records."""

    def __init__(self, partitions: Sequence[str]) -> None:
        super().__init__(
            f"the cluster lost records that were already ingested: {'; '.join(partitions)}. Everything else was "
            "ingested. Make the topic again (a new id begins a new sequence), or run `feedwheel ingest "
            "--accept-truncation`: then what is written at the lost offsets is not read, and reading goes on where the "
            "log passes the ingested offset"
        )
        self.partitions = tuple(partitions)


@dataclass(frozen=True, slots=True)
class Pace:
    """How much is read between two commits: ranges of so many offsets, so many ranges, by so many threads.

    Whoever goes on and on commits less than a range once in `max_age_s`.
    """

    range_offsets: int = RANGE_OFFSETS
    round_ranges: int = ROUND_RANGES
    threads: int = field(default_factory=lambda: min(os.cpu_count() or 1, _MAX_THREADS))
    max_age_s: float = MAX_AGE_S


def run(
    context: Context,
    app: str | None = None,
    *,
    pace: Pace = Pace(),
    accept_truncation: bool = False,
    follows: bool = False,
    stop: Callable[[], bool] = lambda: False,
) -> IngestReport:
    """Ingest the topics of all applications; `app` only filters the report.

    `follows` says that other drains come before and after; once `stop` says so, it ends with the round under way.
    Raises NothingToDo if no offset advanced, InfrastructureError, and LogTruncated once everything else is done.
    """
    if app is not None:
        context.config.app(app)
    with nullcontext() if follows else written(context):
        return _drain(context, app, pace, accept_truncation, follows, stop)


def _drain(
    context: Context, app: str | None, pace: Pace, accept_truncation: bool, follows: bool, stop: Callable[[], bool]
) -> IngestReport:
    started = time.monotonic()
    with stage_run(context, app or ALL_APPS, "ingest", count=partial(count_commits, context.lake)) as stage:
        epoch = Epoch.begin(context)  # 1
        stage.touches(topics_of(context, epoch))
        refused = bool(epoch.truncated) and not accept_truncation
        read = _read_to_the_end(context, stage.run_id, epoch, pace, follows, stop)  # 2
        reached = epoch.is_reached(read_progress(context.lake))
        settled = epoch.settle(context, stage.run_id, moves_as_of=reached and not refused)  # 3
        stage.touches(read_by(context, epoch), written_by(context, settled))
    counts = settled.total.counts
    if refused:
        raise LogTruncated(epoch.truncated)
    if not counts.offsets:
        raise NothingToDo("every topic is ingested to its end" if reached else "stopped before the first commit")
    return IngestReport(
        run_id=stage.run_id,
        as_of=as_of(context),
        seconds=time.monotonic() - started,
        records={name: table.counts.records for name, table in settled.done.items()},
        accepted={name: count for name, count in counts.accepted.items() if app in (None, name) or name == UNKNOWN_APP},
        rejected={reason: count for reason, count in counts.rejected.items()},
        redactions={kind: count for kind, count in counts.redactions.items()},
        gaps=counts.gaps,
        lost=counts.lost,
        overtaken=read - settled.total.ranges,
        dead_letters=settled.dead_letters,
        payloads_expired=settled.expired,
        truncated=list(epoch.truncated),
    )


def _read_to_the_end(
    context: Context, run_id: str, epoch: Epoch, pace: Pace, follows: bool, stop: Callable[[], bool]
) -> int:
    """Rounds of ranges, each continuing what is committed by then. Returns how many ranges were read."""
    cipher = PayloadCipher(context.settings.payload_key)
    apps, registry = frozenset(context.config.apps), Registry.of(context.settings)
    writer = RangeWriter(context.lake, cipher, apps, epoch.started_at, registry)
    committer = Committer(context.lake, run_id, int(epoch.started_at.timestamp() * 1000))
    open_source = partial(RangeReader, context.settings.kafka)
    read, last, logs, turn_of = 0, list[Range](), epoch.logs, dict[Source, int]()
    for turn in count(1):
        progress = read_progress(context.lake)
        if stop() or epoch.is_reached(progress):
            break
        if follows and turn > 1:
            # Who was read longest ago comes first: ends that move must not keep the others from their turn.
            logs = sorted(survey(context), key=lambda log: turn_of.get(log.source, 0))
        ranges = list(islice(remaining(logs, progress, pace.range_offsets), pace.round_ranges))
        if not ranges:
            break  # a topic was made again: the next drain begins with what it is now
        if ranges == last:
            raise ContractViolation(f"{ranges[0].topic}: {len(ranges)} ranges were read and none could be committed")
        run_round(ranges, open_source, writer, committer, pace.threads)
        read, last = read + len(ranges), ranges
        turn_of |= {part.source: turn for part in ranges}
    return read
