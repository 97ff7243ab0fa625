"""What ops/runs says of ingest: every commit of ranges is counted in one of its rows, whoever made it.

In: the logs of the bronze tables. Out: records in, accepted rows out, rejected ones dropped by reason (I10), of all
commits that no row counts yet. Up to which version of each table there are rows is a transaction of ops/runs, committed
with the row: what a run that died had committed is counted by the next one, and two that end together, or an epoch that
is settled twice, count nothing twice.
"""

from functools import reduce
from operator import add

from deltalake import DeltaTable

from pipelines.ingest.manifest import RangeCounts
from pipelines.ingest.offsets import BRONZE_TABLES
from pipelines.ingest.report import commits_after, counts_of
from pipelines.io.lake import Carried, Lake, StaleCommit
from pipelines.runs import Counts
from schemas.tables import BronzeTable


def count_commits(lake: Lake, counts: Counts) -> Carried | None:
    """Fill `counts` with what no row counts yet, and say what the row carries; None without a record.

    What it carries raises StaleCommit if others have counted meanwhile. Raises InfrastructureError.
    """
    counted, moved, found = _counted(lake.open("ops/runs")), dict[str, int](), Counts()
    for name in BRONZE_TABLES:
        of_table, moved[_key(name)] = _uncounted(lake, name, counted[name])
        found.taken[name] += of_table.records
        found.given.update(of_table.accepted)
        found.dropped.update(of_table.rejected)
    counts.taken, counts.given, counts.dropped = +found.taken, found.given, found.dropped

    def carried(runs: DeltaTable) -> dict[str, int]:
        if _counted(runs) != counted:
            raise StaleCommit("others have counted meanwhile")
        return moved

    return carried if counts.taken else None


def _counted(runs: DeltaTable) -> dict[BronzeTable, int]:
    """Up to which version of each table there are rows; -1 where there is none."""
    versions = {name: runs.transaction_version(_key(name)) for name in BRONZE_TABLES}
    return {name: -1 if version is None else version for name, version in versions.items()}


def _key(name: BronzeTable) -> str:
    return f"counted/{name}"


def _uncounted(lake: Lake, name: BronzeTable, counted: int) -> tuple[RangeCounts, int]:
    """What was committed after the version `counted`, and the version up to which that is."""
    table = lake.open(name)
    after = counted if counted <= table.version() else -1  # it was made again
    return reduce(add, map(counts_of, commits_after(table, after).values()), RangeCounts()), table.version()
