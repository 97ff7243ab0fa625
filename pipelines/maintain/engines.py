"""The two engines: delta-rs in this process, Spark on a cluster. Both work under the lease and keep every row.

In: a table under its lease. Out: what was merged, what was deleted.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal, Protocol

import pyarrow as pa
from deltalake import DeltaTable

from pipelines.context import Context
from pipelines.io.delta_log import commits
from pipelines.io.lease import LEASE, LONGEST_LEASE, Lease
from pipelines.io.spark import SparkTables, spark_tables
from pipelines.io.table_files import stored_files
from pipelines.io.vacuum import HISTORY_RETENTION, Unnamed, unnamed, vacuum
from pipelines.maintain.compaction import Compacted, compact
from pipelines.maintain.plan import TARGET_BYTES
from schemas.errors import ContractViolation, UsageError
from schemas.tables import TABLES, TableName

Engine = Literal["delta-rs", "spark"]

LEASES: Final[dict[Engine, timedelta]] = {"delta-rs": LEASE, "spark": LONGEST_LEASE}
"""Spark's one commit comes at the end of all merges of a table, and nothing renews the lease until then."""


class Maintainer(Protocol):
    """What is done to one table under its lease."""

    def merge(self, lease: Lease) -> Compacted:
        """Merge small files. Raises Leased, InfrastructureError, ContractViolation if rows would be lost."""

    def vacuum(self, lease: Lease) -> Unnamed:
        """Delete files of older versions whose time has come. Raises InfrastructureError."""


class _DeltaRs:
    def merge(self, lease: Lease) -> Compacted:
        return compact(lease)

    def vacuum(self, lease: Lease) -> Unnamed:
        return vacuum(lease)


@dataclass(frozen=True, slots=True)
class _Spark:
    tables: SparkTables

    def merge(self, lease: Lease) -> Compacted:
        """By OPTIMIZE, whose commit must hold as many rows as it replaced."""
        before = lease.lake.open(lease.name)
        self.tables.optimize(lease.lake.uri(lease.name), TARGET_BYTES, _bounded_columns(lease.name))
        after = lease.lake.open(lease.name)
        made = commits(after, before.version())
        merged = [version for version, commit in made.items() if commit["operation"] == "OPTIMIZE"]
        return sum((_committed(after.table_uri, version) for version in merged), Compacted())

    def vacuum(self, lease: Lease) -> Unnamed:
        found = unnamed(lease.lake, lease.name)
        if found.old:
            self.tables.vacuum(lease.lake.uri(lease.name), HISTORY_RETENTION)
        return found


@contextmanager
def maintaining(context: Context, engine: Engine, *, committers_stopped: bool) -> Iterator[Maintainer]:
    """The engine at work. Raises UsageError where Spark would overwrite commits of others, InfrastructureError."""
    if engine == "delta-rs":
        yield _DeltaRs()
        return
    if context.lake.url.startswith(("s3://", "s3a://")) and not committers_stopped:
        raise UsageError(
            f"{context.lake.url}: on S3, Spark does not see that another has committed, and would overwrite it: stop "
            "ingest, extract and privacy, then give --committers-stopped; or use --engine delta-rs"
        )
    with spark_tables(context.settings) as tables:
        yield _Spark(tables)


def _bounded_columns(name: TableName) -> list[str]:
    """Columns whose least and greatest value Spark writes down."""
    unbounded = (pa.types.is_boolean, pa.types.is_binary, pa.types.is_nested)
    return [field.name for field in TABLES[name].schema if not any(is_(field.type) for is_ in unbounded)]


def _committed(uri: str, version: int) -> Compacted:
    before, after = (
        {file.path: file for file in stored_files(DeltaTable(uri, version=of))} for of in (version - 1, version)
    )
    merged = [before[path] for path in before.keys() - after.keys()]
    became = [after[path] for path in after.keys() - before.keys()]
    rows, kept = (sum(file.rows for file in files) for files in (merged, became))
    if rows != kept:
        raise ContractViolation(
            f"{uri}: Spark's commit {version} has {kept} rows in the place of {rows}: stop its writers and "
            f"compare it with version {version - 1}, whose files are kept for {HISTORY_RETENTION.days} days"
        )
    return Compacted(len(merged), len(became), rows)
