"""Older versions of a table: files that no current version names are deleted once they are old enough.

In: a table. Out: the same without those files, and without log entries that have had their time. Delta keeps both by
default, so what was taken out of a table can be read in its history until then. No set pins a version: a replay reads
the rows that are there now, by their offsets (I3).
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from pyarrow import fs

from pipelines import crash
from pipelines.io.committing import NOTHING_AFTER
from pipelines.io.lake import Lake
from pipelines.io.lease import Lease
from pipelines.io.parquet import locate
from schemas.tables import TableName

HISTORY_RETENTION: Final = timedelta(days=7)
"""Delta's default, and far above the time of any run: a file is deleted when no reader and no writer can need it. As
long as Kafka keeps the events themselves."""
LOG_RETENTION: Final = timedelta(days=30)
"""Delta's default, which no table of ours changes. For each file the log has the least and the greatest value of a
column, of texts the first 64 characters."""


@dataclass(frozen=True, slots=True)
class Unnamed:
    """Files that the newest version does not name: `old` enough to be deleted, or `younger` than the retention."""

    old: int = 0
    younger: int = 0

    def __add__(self, other: "Unnamed") -> "Unnamed":
        return Unnamed(self.old + other.old, self.younger + other.younger)


def unnamed(lake: Lake, name: TableName, retention: timedelta = HISTORY_RETENTION) -> Unnamed:
    """What a vacuum would find."""
    every, old = (_stored(lake, name, than) for than in (timedelta(0), retention))
    return Unnamed(len(old), len(every - old))


def vacuum(lease: Lease, retention: timedelta = HISTORY_RETENTION) -> Unnamed:
    """Delete the files of versions that were replaced before `retention`, and of commits that never came to be."""
    found = unnamed(lease.lake, lease.name, retention)
    if found.old:
        _vacuum(lease.lake, lease.name, retention, dry_run=False)
        crash.reach("vacuumed")
    if found != Unnamed():
        lease.lake.open(lease.name).create_checkpoint()
        clean_log(lease.lake, lease.name)
    return found


def clean_log(lake: Lake, name: TableName) -> None:
    """Delete log entries that have had their time and that a checkpoint stands for; commits leave them."""
    with suppress(FileNotFoundError):  # another process was faster; what it left, the next run deletes
        lake.open(name).cleanup_metadata()


def _stored(lake: Lake, name: TableName, retention: timedelta) -> set[str]:
    """Files that no version younger than `retention` names. Delta also lists those that are deleted already."""
    filesystem, directory = locate(lake.uri(name))
    stored = {entry.base_name for entry in filesystem.get_file_info(fs.FileSelector(directory, allow_not_found=True))}
    return stored & set(_vacuum(lake, name, retention, dry_run=True))


def _vacuum(lake: Lake, name: TableName, retention: timedelta, *, dry_run: bool) -> list[str]:
    """All of the directory, not only what the log remembers: a run that died has left files that no commit names."""
    hours = retention // timedelta(hours=1)
    return lake.open(name).vacuum(
        hours, dry_run=dry_run, enforce_retention_duration=False, full=True, post_commithook_properties=NOTHING_AFTER
    )
