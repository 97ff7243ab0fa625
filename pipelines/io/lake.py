"""The lake: Delta tables by contract name.

In: Arrow rows of a contract of `schemas.tables`, or Parquet files already written. Out: commits that carry their
transactions (I2), and Arrow tables. Many may write files, one commits: contention costs more than it gains.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.dataset as ds
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, TableNotFoundError
from deltalake.transaction import AddAction

from schemas.errors import ContractViolation, InfrastructureError
from schemas.tables import TABLES, TableName

FORBIDDEN_PROPERTIES = ("delta.enableDeletionVectors", "delta.enableChangeDataFeed", "delta.columnMapping.mode")
"""Readers we rely on break on the first, answer wrongly on the second, and ignore the third."""


class StaleCommit(InfrastructureError):
    """Another writer committed first; read the table's state again and decide anew."""


@dataclass(frozen=True, slots=True)
class Lake:
    """All tables below one URL or directory."""

    url: str

    def uri(self, name: TableName) -> str:
        """Address of one table."""
        return f"{self.url.rstrip('/')}/{name}"

    def open(self, name: TableName) -> DeltaTable:
        """Open a table, creating it by its contract if it is not there. Raises ContractViolation if it is another."""
        try:
            table = DeltaTable(self.uri(name))
        except TableNotFoundError:
            table = self._create(name)
        configuration = table.metadata().configuration
        if enabled := [key for key in FORBIDDEN_PROPERTIES if configuration.get(key, "false") not in ("false", "none")]:
            raise ContractViolation(f"{self.uri(name)} has {', '.join(enabled)}: recreate it without")
        columns = {field.name for field in table.schema().fields}
        if missing := [column for column in TABLES[name].schema.names if column not in columns]:
            raise ContractViolation(f"{self.uri(name)} lacks {', '.join(missing)}: it was made by another version")
        return table

    def _create(self, name: TableName) -> DeltaTable:
        if "://" not in self.url:
            os.makedirs(self.uri(name), exist_ok=True)
        return DeltaTable.create(self.uri(name), TABLES[name].schema, mode="ignore", name=name)

    def read(
        self,
        name: TableName,
        columns: Sequence[str] | None = None,
        where: ds.Expression | None = None,
    ) -> pa.Table:
        """Rows of the newest version, in the contract's types; `where` also prunes files by their statistics."""
        table = self.open(name).to_pyarrow_table(columns=list(columns) if columns else None, filters=where)
        contract = TABLES[name].schema
        return table.cast(pa.schema([contract.field(column) for column in table.column_names]))

    def append(
        self,
        name: TableName,
        rows: Sequence[Mapping[str, object]] | pa.Table,
        transactions: Mapping[str, int] | None = None,
    ) -> None:
        """Append rows of the contract in one commit. Raises ContractViolation on a null, StaleCommit on a race."""
        data = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(list(rows), schema=TABLES[name].schema)
        check_required(name, data)
        try:
            write_deltalake(self.open(name), data, mode="append", commit_properties=_properties(transactions or {}, {}))
        except CommitFailedError as error:
            raise StaleCommit(f"{self.uri(name)}: {error}") from error


def check_required(name: TableName, data: pa.Table) -> None:
    """Raise ContractViolation if a required column of the contract holds a null."""
    empty = [column for column in sorted(TABLES[name].required) if data.column(column).null_count]
    if empty:
        raise ContractViolation(f"{name}: {', '.join(empty)} must not be null")


def commit_files(
    table: DeltaTable,
    files: Sequence[AddAction],
    transactions: Mapping[str, int],
    metadata: Mapping[str, str],
) -> None:
    """Add written Parquet files and advance transactions in one commit on the version `table` has read.

    Delta validates neither the files nor their statistics: the caller has. Raises StaleCommit if a transaction moved.
    """
    try:
        table.create_write_transaction(
            list(files),
            mode="append",
            schema=table.schema(),
            partition_by=[],
            commit_properties=_properties(transactions, metadata),
        )
    except CommitFailedError as error:
        raise StaleCommit(f"{table.table_uri}: {error}") from error


def _properties(transactions: Mapping[str, int], metadata: Mapping[str, str]) -> CommitProperties:
    return CommitProperties(
        custom_metadata=dict(metadata),
        app_transactions=[Transaction(app_id, version) for app_id, version in sorted(transactions.items())],
    )
