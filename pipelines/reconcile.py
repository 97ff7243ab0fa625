"""The proof of I1: every offset of every partition that was ever ingested has exactly one place.

In: transactions and rows of the bronze tables, each as one table version has them, and the broker's bounds if it
answers. Out: per partition next - first against accepted + rejected + gaps + lost + erased, offsets that are there
twice, and rows that belong to no ingested offset.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow.compute as pc
import pyarrow.dataset as ds

from pipelines.context import Context
from pipelines.ingest.offsets import BRONZE_TABLES, Progress, Source, progress_of
from pipelines.ingest.survey import survey
from schemas.errors import InfrastructureError
from schemas.tables import BronzeTable


@dataclass(frozen=True, slots=True)
class PartitionAccount:
    """Where the offsets of one partition went.

    `topic` is None while no row names it. `difference`: offsets without a place; negative if there are more rows than
    offsets. `repeated` rows have an offset that another row has, `outside` rows one that was never committed. `lag`:
    offsets that the broker has and we have not, None if not known, negative if the broker lost some.
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
    lag: int | None

    @property
    def exact(self) -> bool:
        """Whether every offset has exactly one place."""
        return not (self.difference or self.repeated or self.outside)


@dataclass(frozen=True, slots=True)
class ReconcileReport:
    """The accounts of all partitions. `strays`: rows by table that belong to no partition ever committed.

    `broker` is "reached", or says why the lags are not known. `failures` has one line for whatever is not exact.
    """

    exact: bool
    partitions: list[PartitionAccount]
    strays: dict[str, int]
    broker: str
    failures: list[str]


def run(context: Context) -> ReconcileReport:
    """Account for every ingested offset of every table. A broker that does not answer only leaves the lags unknown."""
    ends, broker = _ends(context)
    accounts: list[PartitionAccount] = []
    strays: dict[str, int] = {}
    for name in BRONZE_TABLES:
        table = context.lake.open(name)
        dataset = table.to_pyarrow_dataset()
        known = sorted(progress_of(table).items())
        of_table = [_account(name, dataset, source, progress, ends) for source, progress in known]
        accounts += of_table
        placed = sum(account.accepted + account.rejected + account.outside for account in of_table)
        strays[name] = dataset.count_rows() - placed
    failures = [_failure(account) for account in accounts if not account.exact]
    failures += [f"{name}: {count} rows of partitions never committed" for name, count in strays.items() if count]
    return ReconcileReport(not failures, accounts, strays, broker, failures)


def _ends(context: Context) -> tuple[Mapping[Source, int], str]:
    try:
        return {log.source: log.bounds.end for log in survey(context)}, "reached"
    except InfrastructureError as error:
        return {}, str(error)


def _account(
    name: BronzeTable, dataset: ds.Dataset, source: Source, progress: Progress, ends: Mapping[Source, int]
) -> PartitionAccount:
    here = (pc.field("topic_id") == source.topic_id) & (pc.field("partition") == source.partition)
    rows = dataset.to_table(columns=["topic", "offset", "status"], filter=here)
    inside = rows.filter((pc.field("offset") >= progress.first) & (pc.field("offset") < progress.next))
    accepted = inside.filter(pc.field("status") == "accepted").num_rows
    rejected = inside.num_rows - accepted
    placed = inside.num_rows + progress.gaps + progress.lost + progress.erased
    return PartitionAccount(
        table=name,
        topic=rows.column("topic")[0].as_py() if rows.num_rows else None,
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
        lag=ends[source] - progress.next if source in ends else None,
    )


def _failure(account: PartitionAccount) -> str:
    return (
        f"{account.topic}[{account.partition}] (topic id {account.topic_id}) in {account.table}: "
        f"{account.difference} offsets without a place, {account.repeated} rows repeat an offset, "
        f"{account.outside} rows lie outside [{account.first}, {account.next})"
    )
