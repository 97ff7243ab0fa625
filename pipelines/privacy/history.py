"""Older versions of the tables: files that no current version names are deleted once they are old enough.

In: the tables that hold what people said. Out: the same without those files, and without log entries that have had
their time. Delta keeps both by default, so what was taken out of a table can be read in its history until then.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from pyarrow import fs

from pipelines.io.lake import Lake
from pipelines.io.parquet import locate
from schemas.tables import TableName

HISTORY_RETENTION: Final = timedelta(days=7)
"""Delta's default, and far above the time of any run: a file is deleted when no reader and no writer can need it. As
long as Kafka keeps the events themselves."""
LOG_RETENTION: Final = timedelta(days=30)
"""Delta's default, which no table of ours changes. For each file the log has the least and the greatest value of a
column, of texts the first 64 characters."""

TEXT_TABLES: Final[tuple[TableName, ...]] = (
    "bronze/generations",
    "bronze/feedback",
    "bronze/privacy",
    "silver/turns",
    "silver/signals",
    "gold/candidates",
    "gold/datasets/examples",
    "gold/answers",
    "ops/control",
)
"""Tables that hold what people said, or the bytes of a record that may."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Files that were deleted, or would be; and how many are younger than the retention."""

    deleted: int
    younger: int


def forget(lake: Lake, retention: timedelta = HISTORY_RETENTION, *, dry_run: bool) -> Forgotten:
    """Delete the files of versions that were replaced before `retention`, and of commits that never came to be."""
    deleted = younger = 0
    for name in TEXT_TABLES:
        unnamed = _stored(lake, name, timedelta(0))
        old = _stored(lake, name, retention)
        deleted, younger = deleted + len(old), younger + len(unnamed - old)
        if unnamed and not dry_run:
            _vacuum(lake, name, retention, dry_run=False)
            table = lake.open(name)
            table.create_checkpoint()
            table.cleanup_metadata()
    return Forgotten(deleted, younger)


def _stored(lake: Lake, name: TableName, retention: timedelta) -> set[str]:
    """Files that no version younger than `retention` names. Delta also lists those that are deleted already."""
    filesystem, directory = locate(lake.uri(name))
    stored = {entry.base_name for entry in filesystem.get_file_info(fs.FileSelector(directory, allow_not_found=True))}
    return stored & set(_vacuum(lake, name, retention, dry_run=True))


def _vacuum(lake: Lake, name: TableName, retention: timedelta, *, dry_run: bool) -> list[str]:
    """All of the directory, not only what the log remembers: a run that died has left files that no commit names."""
    hours = retention // timedelta(hours=1)
    return lake.open(name).vacuum(hours, dry_run=dry_run, enforce_retention_duration=False, full=True)
