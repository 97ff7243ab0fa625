"""Parquet files that Delta can add: written in row groups, with statistics taken from the rows themselves.

In: Arrow tables of one schema. Out: a file below a table's address, its size, and the statistics JSON of the Delta
protocol. Delta checks neither, and wrong statistics lose rows on filtered reads, so they are computed here and only
here.
"""

import posixpath
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import fs

_ROW_GROUP_ROWS: Final = 20_000
_ROW_GROUP_BYTES: Final = 64 << 20
"""Bounds what one file holds in memory, whatever the size of its events."""
_BOUND_CHARS: Final = 64
"""Longer texts are bounded by a prefix: every reader of the table loads the bounds."""
_LAST_CHAR: Final = "\U0010ffff"


class Statistics:
    """Row count, and nulls, minimum and maximum of every scalar column over the tables added so far.

    Every one, because delta-rs hands pyarrow `column >= null` for a column without bounds, and then no filter on that
    column finds a row of the file.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self.rows = 0
        self._nulls = {field.name: 0 for field in schema if _has_order(field.type)}
        self._bounds: dict[str, tuple[Any, Any]] = {}

    def add(self, table: pa.Table) -> None:
        """Count a table's rows."""
        self.rows += table.num_rows
        for name in self._nulls:
            column = table.column(name)
            self._nulls[name] += column.null_count
            low, high = pc.min_max(column).as_py().values()
            if low is not None:
                known = self._bounds.get(name, (low, high))
                self._bounds[name] = min(low, known[0]), max(high, known[1])

    def to_json(self) -> str:
        """As the Delta protocol writes them ("Per-file Statistics")."""
        return msgspec.json.encode(
            {
                "numRecords": self.rows,
                "minValues": {name: _lower(low) for name, (low, _) in self._bounds.items()},
                "maxValues": {name: _upper(high) for name, (_, high) in self._bounds.items()},
                "nullCount": self._nulls,
            }
        ).decode()


def _has_order(kind: pa.DataType) -> bool:
    return not (pa.types.is_nested(kind) or pa.types.is_binary(kind))


def _lower(value: Any) -> Any:
    """A bound not above the value."""
    return value[:_BOUND_CHARS] if isinstance(value, str) else _plain(value)


def _upper(value: Any) -> Any:
    """A bound not below the value: a shortened text ends in the last character, in place of one that is before it."""
    if not isinstance(value, str):
        return _plain(value)
    for end in range(_BOUND_CHARS, len(value)):
        if value[end] != _LAST_CHAR:
            return value[:end] + _LAST_CHAR
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    return value


class TableFile:
    """A Parquet file being written below a table's address; removed again if the writing fails."""

    def __init__(self, table_uri: str, name: str, schema: pa.Schema) -> None:
        self.name = name
        self.statistics = Statistics(schema)
        self._filesystem, root = locate(table_uri)
        self._path = posixpath.join(root, name)
        self._writer = pq.ParquetWriter(self._path, schema, filesystem=self._filesystem, compression="zstd")
        self._waiting: list[pa.Table] = []
        self._waiting_rows = self._waiting_bytes = 0

    def write(self, table: pa.Table) -> None:
        """Add rows; they reach the file in row groups."""
        self._waiting.append(table)
        self._waiting_rows += table.num_rows
        self._waiting_bytes += table.nbytes
        if self._waiting_rows >= _ROW_GROUP_ROWS or self._waiting_bytes >= _ROW_GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            rows = pa.concat_tables(self._waiting)
            self.statistics.add(rows)
            self._writer.write_table(rows, row_group_size=_ROW_GROUP_ROWS)
            self._waiting.clear()
            self._waiting_rows = self._waiting_bytes = 0

    @property
    def size(self) -> int:
        """Bytes of the closed file."""
        return int(self._filesystem.get_file_info(self._path).size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._flush()
        self._writer.close()
        if error is not None:
            self._filesystem.delete_file(self._path)


def locate(table_uri: str) -> tuple[fs.FileSystem, str]:
    """The file system of a table, and the table's directory in it."""
    if "://" in table_uri:
        found: tuple[fs.FileSystem, str] = fs.FileSystem.from_uri(table_uri)
        return found
    return fs.LocalFileSystem(), str(Path(table_uri).absolute())
