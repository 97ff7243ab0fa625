"""Small files of a table merged into large ones, row by row the same, in the order that readers skip by.

In: a table under its lease. Out: for every merge one written file and one commit that puts it in the place of the
others; a run that dies leaves at most a file that no commit names. delta-rs's own `optimize` is not used: it keeps
statistics of the first 32 columns only and the order of commits, not that of offsets, and two of them at once double
the rows (measured, 1.6.6).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import crash
from pipelines.io.lake import Lake, StaleCommit
from pipelines.io.lease import Lease
from pipelines.io.parquet import locate
from pipelines.io.table_files import StoredFile, read_rows, replace, stored_files, write_rows
from pipelines.maintain.plan import Measured, merges
from schemas.errors import ContractViolation
from schemas.tables import TableName

_POSITION: Final = ("topic_id", "partition", "offset")
ORDER: Final[dict[TableName, tuple[str, ...]]] = {
    "bronze/generations": _POSITION,
    "bronze/feedback": _POSITION,
    "bronze/privacy": _POSITION,
    "ops/control": _POSITION,
    "silver/turns": ("revision",),
    "silver/signals": ("revision",),
    "silver/conversations": ("revision",),
    "silver/orphans": ("as_of",),
    "silver/admissions": ("revision",),
    "silver/rejected": ("revision",),
    "ops/runs": ("run_id",),
}
"""The tables that are maintained, and what their rows are sorted by within a file: as ingest and extract write them, of
equal ones as they were. Ids are UUIDv7 and sort by time."""
_AGE: Final = {name: "ingested_at" if order == _POSITION else order[0] for name, order in ORDER.items()}
"""What files are neighbours by: what came at one time is asked for together."""

_REPLANS: Final = 3
"""A lease that ended too early lets another in, and Spark's commits carry none: whoever meets them looks again."""


@dataclass(frozen=True, slots=True)
class Compacted:
    """Files that were merged, what they became, and how many rows that were and are."""

    merged: int = 0
    became: int = 0
    rows: int = 0

    def __add__(self, other: "Compacted") -> "Compacted":
        return Compacted(self.merged + other.merged, self.became + other.became, self.rows + other.rows)


def plan(lake: Lake, name: TableName) -> list[list[StoredFile]]:
    """The merges that are due."""
    filesystem, root = locate(lake.uri(name))

    def decoded(file: StoredFile) -> int:
        metadata = pq.read_metadata(f"{root}/{file.name}", filesystem=filesystem)
        return sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))

    oldest_first = sorted(stored_files(lake.open(name)), key=lambda file: _neighbours(name, file))
    return list(merges(Measured(file, decoded(file)) for file in oldest_first))


def _neighbours(name: TableName, file: StoredFile) -> tuple[tuple[bool, Any], ...]:
    """Where a file stands among the others; what has no statistics comes first."""
    least = (file.least.get(column) for column in (_AGE[name], *ORDER[name]))
    return tuple((value is not None, value) for value in least)


def compact(lease: Lease) -> Compacted:
    """Do every merge that is due. Raises Leased, and StaleCommit if always overtaken."""
    done = Compacted()
    for attempt in range(_REPLANS):
        try:
            for files in plan(lease.lake, lease.name):
                done += _merge(lease, files)
        except StaleCommit:
            if attempt == _REPLANS - 1:
                raise
            continue
        break
    return done


def _merge(lease: Lease, files: Sequence[StoredFile]) -> Compacted:
    written = write_rows(lease.lake, lease.name, _sorted_rows(lease, files))
    if written.statistics.rows != (expected := sum(file.rows for file in files)):
        raise ContractViolation(
            f"{lease.lake.uri(lease.name)}: the log says that {len(files)} files hold {expected} rows, and they hold "
            f"{written.statistics.rows}: nothing was replaced; compare {files[0].name} and the others with the log"
        )
    crash.reach("compacted")
    replace(lease, files, written)
    return Compacted(len(files), 1, written.statistics.rows)


def _sorted_rows(lease: Lease, files: Sequence[StoredFile]) -> pa.Table:
    """The rows of the files, sorted; where they are equal, as they were."""
    rows = read_rows(lease.lake, lease.name, files)
    keys = [(column, "ascending") for column in ORDER[lease.name]]
    # pyarrow's sort of several columns is not stable, so where a row was is a column too.
    place = pa.array(range(rows.num_rows), pa.int64())
    return rows.append_column("_place", place).sort_by([*keys, ("_place", "ascending")]).drop_columns("_place")
