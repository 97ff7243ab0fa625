"""The files of a table: which there are, what they hold, and some of them replaced by others.

In: an open table, the rows of new files. Out: one commit, which no reader of new data sees if the rows are the same
ones (`dataChange` is false). delta-rs 1.6.6 does not notice that another has replaced the same files meanwhile, and
would have the rows twice (two `optimize.compact` on handles of one version did). So a replacement is committed as the
very next version after one that still has its files, or not at all.
"""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.dataset as ds
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction, RemoveAction

from pipelines import crash
from pipelines.io.committing import committing
from pipelines.io.lake import ATTEMPTS, Lake, StaleCommit, check_required
from pipelines.io.lease import Lease
from pipelines.io.parquet import TableFile
from pipelines.io.scan import dataset
from schemas.tables import TABLES, TableName

_SLICE_ROWS: Final = 1_000
"""Few enough that the writer decides what becomes a row group."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a table: path as the log has it, bytes, rows, and the least value of each column that has one."""

    path: str
    size: int
    rows: int
    least: dict[str, Any]

    @property
    def name(self) -> str:
        """Path below the table as it is stored: the log escapes it."""
        return unquote(self.path)


def stored_files(table: DeltaTable) -> list[StoredFile]:
    """Every file of the version that the handle has read."""
    actions = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    return [
        StoredFile(
            path=action["path"],
            size=action["size_bytes"],
            rows=action["num_records"],
            least={key.removeprefix("min."): value for key, value in action.items() if key.startswith("min.")},
        )
        for action in actions
    ]


def read_rows(lake: Lake, name: TableName, files: Sequence[StoredFile]) -> pa.Table:
    """The rows of these files, in this order, in the types of the contract; an older file may lack columns.

    Raises StaleCommit if one of them is there no more.
    """
    every = dataset(lake.open(name), None)
    known = {fragment.path.rsplit("/", 1)[-1]: fragment for fragment in every.get_fragments()}
    if missing := [file.name for file in files if file.name not in known]:
        raise StaleCommit(f"{lake.uri(name)}: {len(missing)} files were rewritten meanwhile")
    chosen = ds.FileSystemDataset(
        [known[file.name] for file in files], every.schema, every.format, filesystem=every.filesystem
    )
    return chosen.to_table().cast(TABLES[name].schema)


def write_rows(lake: Lake, name: TableName, rows: pa.Table) -> TableFile:
    """Write a file that nothing names yet. Raises ContractViolation if a required column has a null."""
    check_required(name, rows)
    with TableFile(lake.uri(name), f"part-maintained-{uuid.uuid4().hex}.parquet", rows.schema) as written:
        for first in range(0, rows.num_rows, _SLICE_ROWS):
            written.write(rows.slice(first, _SLICE_ROWS))
    return written


def replace(lease: Lease, old: Sequence[StoredFile], new: TableFile, *, changes_data: bool = False) -> None:
    """Commit a written file in the place of others. Raises StaleCommit if one of them is there no more, Leased."""
    now_ms = int(time.time() * 1000)  # vacuum compares it with the clock of the machine, whatever ours says
    gone = [RemoveAction(file.path, changes_data, now_ms, file.size, {}) for file in old]
    added = AddAction(new.name, new.size, {}, now_ms, changes_data, new.statistics.to_json())
    for _ in range(ATTEMPTS):
        table = lease.lake.open(lease.name)
        transactions = lease.transactions(table)
        if missing := {file.path for file in old} - {file.path for file in stored_files(table)}:
            raise StaleCommit(f"{table.table_uri}: {len(missing)} files were rewritten meanwhile")
        crash.reach("before_replace")
        crash.reach("during_replace")
        try:
            with committing(table) as after:
                table.create_write_transaction(
                    [*gone, added],
                    mode="append",
                    schema=table.schema(),
                    partition_by=[],
                    commit_properties=CommitProperties(
                        max_commit_retries=0,
                        app_transactions=[Transaction(app_id, version) for app_id, version in transactions.items()],
                    ),
                    post_commithook_properties=after,
                )
        except CommitFailedError:
            continue  # somebody committed first: see whether the files are still there
        crash.reach("after_replace")
        return
    raise StaleCommit(f"{lease.lake.uri(lease.name)}: {ATTEMPTS} commits in a row were overtaken")
