"""The proof of I1: every offset of every partition that was ever ingested has exactly one place.

In: transactions and rows of the bronze tables, each as one table version has them, and the broker's logs if it
answers. Out: per partition next - first against accepted + rejected + gaps + lost + erased, offsets that are there
twice, and rows that belong to no ingested offset; and against the broker: what it has and bronze has not yet, what it
deleted before it was read, what bronze has and it lost. On demand, records that it still has where bronze counted none.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc
from deltalake import DeltaTable

from pipelines.context import Context
from pipelines.ingest.offsets import BRONZE_TABLES, Progress, Source, progress_of
from pipelines.ingest.plan import PartitionLog
from pipelines.ingest.survey import survey
from pipelines.io.kafka_ranges import RangeReader, RangeSource
from pipelines.io.scan import dataset
from schemas.errors import InfrastructureError
from schemas.tables import BronzeTable

REACHED: Final = "reached"
_NEAR_OFFSETS: Final = 5_000
"""Holes so near to each other are read at once: to seek takes as long as to read about as many records."""

Offsets = npt.NDArray[np.int64]
Hole = tuple[int, int]
"""Half-open: offsets of which bronze has no row."""


@dataclass(frozen=True, slots=True)
class PartitionAccount:
    """Where the offsets of one partition went.

    `topic` is None while neither a row nor the broker names it. `difference`: offsets without a place; negative if
    there are more rows than offsets. `repeated` rows have an offset that another row has, `outside` rows one that was
    never committed.

    What the broker says is None if it is not known. Its log is [log_begin, log_end). `lag`: offsets that it has and we
    have not, negative if it lost some. `deleted_unread`: those of them that it has deleted already, which the next
    ingest counts as lost. `overlooked`: records that it still has where bronze counts a gap, if they were looked for.
    """

    table: BronzeTable
    topic: str | None
    topic_id: str
    partition: int
    first: int
    next: int
    accepted: int
    rejected: int
    gaps: int
    lost: int
    erased: int
    difference: int
    repeated: int
    outside: int
    log_begin: int | None
    log_end: int | None
    lag: int | None
    deleted_unread: int | None
    overlooked: int | None

    @property
    def exact(self) -> bool:
        """Whether every offset has exactly one place, and the broker's log does not say otherwise."""
        return not (self.difference or self.repeated or self.outside or self.truncated or self.overlooked)

    @property
    def truncated(self) -> bool:
        """Whether the broker's log ends before what was ingested from it."""
        return self.lag is not None and self.lag < 0


@dataclass(frozen=True, slots=True)
class ReconcileReport:
    """The accounts of all partitions. `strays`: rows by table that belong to no partition ever committed.

    `broker` is "reached", or says why that half was not checked. `waiting`: offsets, by topic and partition, of logs
    that no ingest has seen yet. `failures` has one line for whatever is not exact.
    """

    exact: bool
    partitions: list[PartitionAccount]
    strays: dict[str, int]
    broker: str
    waiting: dict[str, int]
    failures: list[str]

    @property
    def broker_checked(self) -> bool:
        """Whether bronze was compared with the broker's logs."""
        return self.broker == REACHED


def run(context: Context, *, verify_gaps: bool = False) -> ReconcileReport:
    """Account for every ingested offset of every table; a broker that does not answer leaves its half unknown.

    `verify_gaps` reads what the broker still has at offsets of which bronze has no row. Raises InfrastructureError if
    it breaks off meanwhile.
    """
    tables = {name: context.lake.open(name) for name in BRONZE_TABLES}  # before the logs, which go on
    logs, broker = _logs(context)
    accounts: list[PartitionAccount] = []
    strays: dict[str, int] = {}
    with ExitStack() as stack:
        verifies = verify_gaps and broker == REACHED
        reader = stack.enter_context(closing(RangeReader(context.settings.kafka))) if verifies else None
        for name, table in tables.items():
            known = sorted(progress_of(table).items())
            of_table = [_account(name, table, each, progress, logs.get(each), reader) for each, progress in known]
            accounts += of_table
            placed = sum(account.accepted + account.rejected + account.outside for account in of_table)
            strays[name] = dataset(table, None).count_rows() - placed
    failures = [_failure(account) for account in accounts if not account.exact]
    failures += [f"{name}: {count} rows of partitions never committed" for name, count in strays.items() if count]
    return ReconcileReport(not failures, accounts, strays, broker, _waiting(logs.values(), accounts), failures)


def _logs(context: Context) -> tuple[Mapping[Source, PartitionLog], str]:
    try:
        return {log.source: log for log in survey(context)}, REACHED
    except InfrastructureError as error:
        return {}, str(error)


def _waiting(logs: Iterable[PartitionLog], accounts: Iterable[PartitionAccount]) -> dict[str, int]:
    known = {(account.topic_id, account.partition) for account in accounts}
    return {
        f"{log.topic}[{log.source.partition}]": log.bounds.end - log.bounds.begin
        for log in logs
        if (log.source.topic_id, log.source.partition) not in known
    }


def _account(
    name: BronzeTable,
    table: DeltaTable,
    source: Source,
    progress: Progress,
    log: PartitionLog | None,
    reader: RangeSource | None,
) -> PartitionAccount:
    here = (pc.field("topic_id") == source.topic_id) & (pc.field("partition") == source.partition)
    rows = dataset(table, here).to_table(columns=["topic", "offset", "status"], filter=here)
    inside = rows.filter((pc.field("offset") >= progress.first) & (pc.field("offset") < progress.next))
    accepted = inside.filter(pc.field("status") == "accepted").num_rows
    rejected = inside.num_rows - accepted
    placed = inside.num_rows + progress.gaps + progress.lost + progress.erased
    bounds = log.bounds if log else None
    topic = log.topic if log else rows.column("topic")[0].as_py() if rows.num_rows else None
    return PartitionAccount(
        table=name,
        topic=topic,
        topic_id=source.topic_id,
        partition=source.partition,
        first=progress.first,
        next=progress.next,
        accepted=accepted,
        rejected=rejected,
        gaps=progress.gaps,
        lost=progress.lost,
        erased=progress.erased,
        difference=progress.next - progress.first - placed,
        repeated=rows.num_rows - pc.count_distinct(rows.column("offset")).as_py(),
        outside=rows.num_rows - inside.num_rows,
        log_begin=bounds.begin if bounds else None,
        log_end=bounds.end if bounds else None,
        lag=bounds.end - progress.next if bounds else None,
        deleted_unread=max(0, bounds.begin - progress.next) if bounds else None,
        overlooked=_overlooked(reader, log, progress, inside.column("offset").to_numpy()) if reader and log else None,
    )


def _overlooked(reader: RangeSource, log: PartitionLog, progress: Progress, offsets: Offsets) -> int:
    """Records that the broker has in holes of bronze, less those that an erasure took out."""
    holes = _holes(np.unique(offsets), max(progress.first, log.bounds.begin), min(progress.next, log.bounds.end))
    source, found = log.source, 0
    for near in _together(holes):
        first, end = near[0][0], near[-1][1]
        for batch in reader.read(log.topic, source.topic_id, source.partition, first, end):
            found += int(np.isin(batch.offsets, offsets, invert=True).sum()) if batch.offsets else 0
    return max(0, found - progress.erased)


def _holes(offsets: Offsets, first: int, end: int) -> list[Hole]:
    """What is missing of [first, end) among offsets that ascend."""
    there = offsets[(offsets >= first) & (offsets < end)]
    edges = np.concatenate(([first - 1], there, [end]))
    wide = np.flatnonzero(np.diff(edges) > 1)
    return [(int(edges[number]) + 1, int(edges[number + 1])) for number in wide]


def _together(holes: Iterable[Hole]) -> Iterator[list[Hole]]:
    """Lists of holes that lie near to each other."""
    near: list[Hole] = []
    for hole in holes:
        if near and hole[0] - near[-1][1] > _NEAR_OFFSETS:
            yield near
            near = []
        near.append(hole)
    if near:
        yield near


def _failure(account: PartitionAccount) -> str:
    problems = []
    if account.difference or account.repeated or account.outside:
        problems.append(
            f"{account.difference} offsets without a place, {account.repeated} rows repeat an offset, "
            f"{account.outside} rows lie outside [{account.first}, {account.next})"
        )
    if account.truncated:
        problems.append(f"ingested up to {account.next}, but Kafka's log ends at {account.log_end}: it lost records")
    if account.overlooked:
        problems.append(f"{account.overlooked} records that Kafka still has have no row")
    where = f"{account.topic}[{account.partition}] (topic id {account.topic_id}) in {account.table}"
    return f"{where}: {'; '.join(problems)}"
