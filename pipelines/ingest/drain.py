"""One drain: everything that the declared topics held when it began becomes rows of bronze.

In: topics of feedwheel.toml on a cluster. Out: bronze tables with their offsets, dead letters, and `as_of`. The steps,
numbered as in the code:

1. take the time, then read every log's bounds: what comes later belongs to the next drain;
2. read and commit ranges, round by round, until every partition is at its end, whoever committed it (I1, I2);
3. only then move `as_of`, extract's clock;
4. publish the dead letters of what is committed, and once a day let old payloads go (I4).

A drain may die anywhere: the next one begins at the offsets of the last commit.
"""

import logging
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial, reduce
from itertools import islice
from operator import add
from typing import Final

from pipelines.context import Context
from pipelines.ingest.columns import UNKNOWN_APP
from pipelines.ingest.commit import Committer
from pipelines.ingest.dead_letters import publish_pending
from pipelines.ingest.manifest import Range, RangeCounts
from pipelines.ingest.offsets import BRONZE_TABLES, advance_as_of, as_of, progress_of
from pipelines.ingest.payload import PayloadCipher
from pipelines.ingest.pipeline import run_round
from pipelines.ingest.plan import RANGE_OFFSETS, PartitionLog, TableProgress, remaining, truncations
from pipelines.ingest.report import Committed, IngestReport, committed
from pipelines.ingest.retention import expire_daily
from pipelines.ingest.survey import survey
from pipelines.ingest.write import RangeWriter
from pipelines.io.kafka_ranges import RangeReader
from pipelines.io.lake import Lake
from pipelines.runs import Counts, stage_run
from schemas.errors import ContractViolation, NothingToDo
from schemas.tables import BronzeTable

_LOG: Final = logging.getLogger(__name__)

ROUND_RANGES: Final = 32
"""Ranges between two commits, 10 s of work: at most so much is read in vain when a drain dies. Each round is a
pipeline, whose start takes a quarter of a second."""

_MAX_THREADS: Final = 4
"""The part that Python's lock lets only one thread do takes about a quarter of the time."""

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
    """How much is read between two commits: ranges of so many offsets, so many ranges, by so many threads."""

    range_offsets: int = RANGE_OFFSETS
    round_ranges: int = ROUND_RANGES
    threads: int = field(default_factory=lambda: min(os.cpu_count() or 1, _MAX_THREADS))


def run(
    context: Context, app: str | None = None, *, pace: Pace = Pace(), accept_truncation: bool = False
) -> IngestReport:
    """Ingest the topics of all applications; `app` only filters the report.

    Raises NothingToDo if no offset advanced, InfrastructureError, and LogTruncated once everything else is done.
    """
    if app is not None:
        context.config.app(app)
    started = time.monotonic()
    with stage_run(context, app or ALL_APPS, "ingest") as stage:
        started_at = context.clock()  # 1
        logs = survey(context)
        behind = truncations(logs, _progress(context.lake))
        refused = bool(behind) and not accept_truncation
        versions = _versions(context.lake)
        read = _read_to_the_end(context, stage.run_id, started_at, logs, pace)  # 2
        if not refused:
            advance_as_of(context.lake, started_at)  # 3
        dead_letters, expired = publish_pending(context), expire_daily(context)  # 4
        done = committed(context.lake, stage.run_id, versions)
        total = reduce(add, done.values(), Committed())
        _count(stage.counts, done)
        _warn(total.counts)
        if not (total.counts.offsets or refused):
            raise NothingToDo("every topic is ingested to its end")
    if refused:
        raise LogTruncated(behind)
    return IngestReport(
        run_id=stage.run_id,
        as_of=as_of(context),
        seconds=time.monotonic() - started,
        records={name: table.counts.records for name, table in done.items()},
        accepted={
            name: count for name, count in total.counts.accepted.items() if app in (None, name) or name == UNKNOWN_APP
        },
        rejected={reason: count for reason, count in total.counts.rejected.items()},
        redactions={kind: count for kind, count in total.counts.redactions.items()},
        gaps=total.counts.gaps,
        lost=total.counts.lost,
        overtaken=read - total.ranges,
        dead_letters=dead_letters,
        payloads_expired=expired,
        truncated=behind,
    )


def _read_to_the_end(
    context: Context, run_id: str, started_at: datetime, logs: Sequence[PartitionLog], pace: Pace
) -> int:
    """Rounds of ranges, each continuing what is committed by then. Returns how many ranges were read."""
    cipher = PayloadCipher(context.settings.payload_key)
    writer = RangeWriter(context.lake, cipher, frozenset(context.config.apps), started_at)
    committer = Committer(context.lake, run_id, int(started_at.timestamp() * 1000))
    open_source = partial(RangeReader, context.settings.kafka)
    count, last = 0, list[Range]()
    while ranges := list(islice(remaining(logs, _progress(context.lake), pace.range_offsets), pace.round_ranges)):
        if ranges == last:
            raise ContractViolation(f"{ranges[0].topic}: {len(ranges)} ranges were read and none could be committed")
        run_round(ranges, open_source, writer, committer, pace.threads)
        count, last = count + len(ranges), ranges
    return count


def _progress(lake: Lake) -> TableProgress:
    return {name: progress_of(lake.open(name)) for name in BRONZE_TABLES}


def _versions(lake: Lake) -> dict[BronzeTable, int]:
    return {name: lake.open(name).version() for name in BRONZE_TABLES}


def _warn(counts: RangeCounts) -> None:
    """What nobody asked about, and somebody must know."""
    if unknown := counts.accepted[UNKNOWN_APP]:
        _LOG.warning(
            "%d events name an application that feedwheel.toml does not have: they are kept, and no stage reads them. "
            "Add the application, or correct FEEDWHEEL_APP where they were recorded",
            unknown,
        )
    if leaked := counts.redactions["leaked"]:
        _LOG.warning(
            "%d of %d audited events held personal patterns though their producer had stamped them as redacted; these "
            "were redacted, others like them rest as they came: update the producer, or declare its topic not trusted",
            leaked,
            leaked + counts.redactions["audited"],
        )


def _count(counts: Counts, done: dict[BronzeTable, Committed]) -> None:
    """Records in, accepted rows out, rejected ones dropped by reason (I10)."""
    for name, table in done.items():
        counts.taken[name] += table.counts.records
        counts.given.update(table.counts.accepted)
        counts.dropped.update(table.counts.rejected)
