"""Small files of a table merged into large ones, row by row the same, in the order that readers skip by.

In: a table under its lease. Out: for every merge one written file and one commit that puts it in the place of the
others; a run that dies leaves at most a file that no commit names. delta-rs's own `optimize` is not used: it keeps
statistics of the first 32 columns only and the order of commits, not that of offsets, and two of them at once double
the rows (measured, 1.6.6).
"""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from deltalake import DeltaTable

from pipelines import crash
from pipelines.io.lake import Lake, StaleCommit
from pipelines.io.lease import Lease
from pipelines.io.parquet import TableFile, locate
from pipelines.io.table_files import StoredFile, replace, stored_files
from pipelines.maintain.plan import Measured, merges
from schemas.errors import ContractViolation
from schemas.tables import TABLES, TableName

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

_SLICE_ROWS: Final = 1_000
_REPLANS: Final = 3
"""Ingest lets payloads expire once a day and has no lease: whoever meets it looks again."""


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
    rows = _sorted_rows(lease, files)
    written = TableFile(lease.lake.uri(lease.name), f"part-compacted-{uuid.uuid4().hex}.parquet", rows.schema)
    with written:
        for part in _slices(rows):
            written.write(part)
    if written.statistics.rows != (expected := sum(file.rows for file in files)):
        raise ContractViolation(f"{lease.lake.uri(lease.name)}: {len(files)} files say they hold {expected} rows, and "
                                f"hold {written.statistics.rows}: nothing was replaced")  # fmt: skip
    crash.reach("compacted")
    replace(lease, files, written)
    return Compacted(len(files), 1, written.statistics.rows)


def _sorted_rows(lease: Lease, files: Sequence[StoredFile]) -> pa.Table:
    """The rows of the files in the types of the contract, sorted; where they are equal, as they were."""
    rows = _dataset(lease.lake.open(lease.name), files).to_table().cast(TABLES[lease.name].schema)
    keys = [(column, "ascending") for column in ORDER[lease.name]]
    # pyarrow's sort of several columns is not stable, so where a row was is a column too.
    place = pa.array(range(rows.num_rows), pa.int64())
    return rows.append_column("_place", place).sort_by([*keys, ("_place", "ascending")]).drop_columns("_place")


def _dataset(table: DeltaTable, files: Sequence[StoredFile]) -> ds.Dataset:
    """Only these files, in this order, by the schema of the table: an older one lacks columns that came later."""
    every = table.to_pyarrow_dataset()
    known = {fragment.path.rsplit("/", 1)[-1]: fragment for fragment in every.get_fragments()}
    if missing := [file.name for file in files if file.name not in known]:
        raise StaleCommit(f"{table.table_uri}: {len(missing)} files were rewritten meanwhile")
    return ds.FileSystemDataset(
        [known[file.name] for file in files], every.schema, every.format, filesystem=every.filesystem
    )


def _slices(rows: pa.Table) -> Iterator[pa.Table]:
    """As the writer wants them: it decides what becomes a row group."""
    for first in range(0, rows.num_rows, _SLICE_ROWS):
        yield rows.slice(first, _SLICE_ROWS)
