"""The lake: Delta tables by contract name.

In: Arrow rows of a contract of `schemas.tables`, or Parquet files already written. Out: commits that carry their
transactions (I2), and Arrow tables. Many may write files, one commits: contention costs more than it gains.
"""

import operator
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Final, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import CommitProperties, DeltaTable, Transaction, WriterProperties, write_deltalake
from deltalake import Schema as DeltaSchema
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction

from pipelines.io.committing import NOTHING_AFTER, committing
from pipelines.io.parquet import ROW_GROUP_ROWS
from pipelines.io.scan import dataset
from schemas.errors import ContractViolation, InfrastructureError
from schemas.tables import TABLES, TableName

FORBIDDEN_PROPERTIES = ("delta.enableDeletionVectors", "delta.enableChangeDataFeed", "delta.columnMapping.mode")
"""Readers we rely on break on the first, answer wrongly on the second, and ignore the third."""


ATTEMPTS: Final = 50
"""Each failed attempt is another writer's success; so many in a row is no race any more."""


_Result = TypeVar("_Result")


class StaleCommit(InfrastructureError):
    """Another writer committed first; read the table's state again and decide anew."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows to rewrite: columns have one of the values of `among`, and lie `between` two ends, both included.

    Delta reads by one language and replaces by another; what is said once here cannot differ between them.
    """

    among: Mapping[str, Collection[str | int]]
    between: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def expression(self) -> ds.Expression:
        """As pyarrow reads."""
        among = [pc.field(name).isin(sorted(values)) for name, values in self.among.items()]
        between = [(pc.field(name) >= low) & (pc.field(name) <= high) for name, (low, high) in self.between.items()]
        return reduce(operator.and_, among + between)

    def sql(self) -> str:
        """As delta-rs replaces."""
        among = [f"{name} IN ({', '.join(map(_literal, sorted(values)))})" for name, values in self.among.items()]
        between = [f"{name} >= {low} AND {name} <= {high}" for name, (low, high) in self.between.items()]
        return " AND ".join(among + between)


def _literal(value: str | int) -> str:
    """A value as SQL has it: a quote in a text is doubled, nothing else means anything."""
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


IDS_PER_REWRITE: Final = 500
"""A list of 5,000 passed; of 20,000 delta-rs died (measured, 1.6.6)."""


def chunks(ids: Collection[str]) -> Iterator[list[str]]:
    """The ids, sorted, in lists short enough for `Rows.among`."""
    ordered = sorted(ids)
    for first in range(0, len(ordered), IDS_PER_REWRITE):
        yield ordered[first : first + IDS_PER_REWRITE]


Change = Callable[[pa.Table], tuple[pa.Table, int]]
"""From rows to what stands in their place, and how many of them that changes or removes."""

Carried = Callable[[DeltaTable], Mapping[str, int]]
"""The transactions that a commit on a handle carries; raises if there is to be no such commit any more."""


def no_transactions(_: DeltaTable) -> Mapping[str, int]:
    """What most commits carry."""
    return {}


@dataclass(frozen=True, slots=True)
class Lake:
    """All tables below one URL or directory."""

    url: str

    def uri(self, name: TableName) -> str:
        """Address of one table."""
        return f"{self.url.rstrip('/')}/{name}"

    def open(self, name: TableName) -> DeltaTable:
        """Open a table, creating it by its contract if it is not there.

        Raises ContractViolation if it is another, InfrastructureError if others always change its columns.
        """
        for _ in range(ATTEMPTS):
            table = self._as_it_is(name)
            try:
                self._add_columns(name, table)
            except CommitFailedError:
                continue  # another process gave it the same columns, or others: look again
            return table
        raise InfrastructureError(f"{self.uri(name)}: others changed it {ATTEMPTS} times in a row: run it again")

    def _as_it_is(self, name: TableName) -> DeltaTable:
        try:
            table = DeltaTable(self.uri(name))
        except TableNotFoundError:
            table = self._create(name)
        configuration = table.metadata().configuration
        if enabled := [key for key in FORBIDDEN_PROPERTIES if configuration.get(key, "false") not in ("false", "none")]:
            raise ContractViolation(f"{self.uri(name)} has {', '.join(enabled)}: recreate it without")
        return table

    def _add_columns(self, name: TableName, table: DeltaTable) -> None:
        """Columns, and fields of columns, that another version did not have, empty; none that every row must have."""
        held, contract = pa.schema(table.schema()), TABLES[name]
        missing = [field for field in contract.schema if _lacks(held, field)]
        if needed := [field.name for field in missing if field.name in contract.required]:
            raise ContractViolation(f"{self.uri(name)} lacks {', '.join(needed)}: it was made by another version")
        if missing:
            columns = list(DeltaSchema.from_arrow(pa.schema(missing)).fields)
            with committing(table) as after:
                table.alter.add_columns(columns, post_commithook_properties=after)

    def _create(self, name: TableName) -> DeltaTable:
        if "://" not in self.url:
            os.makedirs(self.uri(name), exist_ok=True)
        once = CommitProperties(max_commit_retries=0)  # tried again, it would commit a second creation
        try:
            return DeltaTable.create(
                self.uri(name),
                TABLES[name].schema,
                mode="ignore",
                name=name,
                commit_properties=once,
                post_commithook_properties=NOTHING_AFTER,
            )
        except CommitFailedError:
            return DeltaTable(self.uri(name))  # another process made it between our look and our commit

    def read(
        self,
        name: TableName,
        columns: Sequence[str] | None = None,
        where: ds.Expression | None = None,
        opened: DeltaTable | None = None,
    ) -> pa.Table:
        """Rows in the contract's types, of the newest version or of the one that `opened` has read.

        `where` also prunes files by their statistics.
        """
        found = dataset(opened or self.open(name), where)
        return _in_contract(name, found.to_table(columns=list(columns or ()) or None, filter=where))

    def append(
        self,
        name: TableName,
        rows: Sequence[Mapping[str, object]] | pa.Table,
        carried: Carried = no_transactions,
    ) -> None:
        """Append rows of the contract in one commit.

        Raises ContractViolation on a null, what `carried` raises, and StaleCommit if always overtaken. What is in the
        way, a rewrite or a commit that carries the same transactions, is waited out: rows depend on nothing but what
        `carried` looks at.
        """
        data = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(list(rows), schema=TABLES[name].schema)
        check_required(name, data)
        for _ in range(ATTEMPTS):
            table = self.open(name)
            transactions = carried(table)
            try:
                with committing(table) as after:
                    write_deltalake(
                        table,
                        data,
                        mode="append",
                        commit_properties=_properties(transactions, {}),
                        post_commithook_properties=after,
                        writer_properties=WriterProperties(max_row_group_size=ROW_GROUP_ROWS),
                    )
            except CommitFailedError:
                continue
            return
        raise StaleCommit(f"{self.uri(name)}: {ATTEMPTS} commits in a row were overtaken: run it again")

    def rewrite(self, name: TableName, rows: Rows, change: Change, *, dry_run: bool = False) -> int:
        """Put other rows in the place of some, in one commit; returns how many `change` says it changed.

        Nothing else of the table moves, its transactions neither. Raises InfrastructureError if always overtaken.
        """
        for _ in range(ATTEMPTS):
            table = self.open(name)
            where = rows.expression()
            changed, count = change(_in_contract(name, dataset(table, where).to_table(filter=where)))
            if dry_run or not count:
                return count
            check_required(name, changed)
            read = table.version()
            try:
                with committing(table) as after:
                    write_deltalake(
                        table, changed, mode="overwrite", predicate=rows.sql(), post_commithook_properties=after
                    )
            except CommitFailedError:
                continue  # another writer changed or removed what was read here
            except DeltaError:
                # To compare with what others committed, delta-rs reads its own SQL again, and not if a backslash stands
                # before a quote in it. Nobody may come between the next time.
                if self.open(name).version() == read:
                    raise
                continue
            return count
        raise InfrastructureError(f"{self.uri(name)}: {ATTEMPTS} rewrites in a row were overtaken: run it again")


def until_committed(commit: Callable[[], _Result]) -> _Result:
    """Commit what depends on nothing that others change, or is decided anew each time. Raises StaleCommit."""
    for _ in range(ATTEMPTS - 1):
        try:
            return commit()
        except StaleCommit:
            continue
    return commit()


def _in_contract(name: TableName, rows: pa.Table) -> pa.Table:
    contract = TABLES[name].schema
    return rows.cast(pa.schema([contract.field(column) for column in rows.column_names]))


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
        with committing(table) as after:
            table.create_write_transaction(
                list(files),
                mode="append",
                schema=table.schema(),
                partition_by=[],
                commit_properties=_properties(transactions, metadata),
                post_commithook_properties=after,
            )
    except CommitFailedError as error:
        raise StaleCommit(f"{table.table_uri}: {error}") from error


def _properties(transactions: Mapping[str, int], metadata: Mapping[str, str]) -> CommitProperties:
    return CommitProperties(
        custom_metadata=dict(metadata),
        app_transactions=[Transaction(app_id, version) for app_id, version in sorted(transactions.items())],
    )


def _lacks(held: pa.Schema, field: pa.Field) -> bool:
    """Whether a table has no such column, or the column, a record, lacks a field."""
    place = held.get_field_index(field.name)
    if place < 0:
        return True
    if not pa.types.is_struct(field.type):
        return False
    return bool({each.name for each in field.type} - {each.name for each in held.field(place).type})
