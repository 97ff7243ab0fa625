"""What follows a commit: nothing that could fail it, for it stands.

In: a table that is about to get a commit. Out: a checkpoint where one is due, so that who opens the table reads few log
entries. delta-rs 1.6.6 would write it, and delete entries that have had their time, as a part of the commit: it raises
if a store refuses the checkpoint, or if another process has deleted the same entries, and who takes that for a failed
commit makes it twice. The entries are maintenance's to delete (`pipelines.io.vacuum`).
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from deltalake import DeltaTable, PostCommitHookProperties

from pipelines.io.parquet import locate

_LOG: Final = logging.getLogger(__name__)

NOTHING_AFTER: Final = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
"""What delta-rs is told to do after every commit."""
_INTERVAL: Final = 100
"""Versions from one checkpoint to the next where a table says nothing, which none of ours does: delta-rs's default."""


@contextmanager
def committing(table: DeltaTable) -> Iterator[PostCommitHookProperties]:
    """Commit in the block, with the properties that it is given; then the checkpoint is written that is due."""
    read = table.version()
    yield NOTHING_AFTER
    try:
        _checkpoint(table, read)
    except Exception as error:  # whatever it is, the commit stands
        _LOG.warning("%s has no new checkpoint, so opening it takes longer: %s", table.table_uri, error)


def _checkpoint(table: DeltaTable, read: int) -> None:
    """Write the first checkpoint due after the version `read`, if there is that version and nobody else wrote it.

    A handle may not know which version its commit became.
    """
    interval = int(table.metadata().configuration.get("delta.checkpointInterval", _INTERVAL))
    due = ((read + 1) // interval + 1) * interval - 1
    filesystem, root = locate(table.table_uri)
    entry = f"{root.rstrip('/')}/_delta_log/{due:020d}"
    commit, checkpoint = filesystem.get_file_info([f"{entry}.json", f"{entry}.checkpoint.parquet"])
    if commit.is_file and not checkpoint.is_file:
        DeltaTable(table.table_uri, version=due).create_checkpoint()
