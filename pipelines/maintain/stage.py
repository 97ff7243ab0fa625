"""One maintenance run over all maintained tables, for all applications.

In: tables as their writers leave them, a file for every partition and commit. Out: the same rows, in few files. The
steps, numbered as in the code, of which 2 to 4 are done table by table under the table's lease:

1. let payloads of rejected records expire (I4);
2. take the lease;
3. merge small files, a commit for each merge;
4. delete files of older versions whose time has come;
5. delete log entries whose time has come, of every table: no commit does.

Killed anywhere and run again, it goes on, once the lease has ended: every commit stands alone. Ingest and extract may
run meanwhile: they append, and nothing that is appended is touched.
"""

import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Final

from deltalake import DeltaTable

from pipelines.context import Context
from pipelines.ingest.offsets import BRONZE_TABLES
from pipelines.ingest.retention import count_expired, expire_daily
from pipelines.io.lease import leased
from pipelines.io.table_files import StoredFile, stored_files
from pipelines.io.vacuum import Unnamed, clean_log, unnamed
from pipelines.maintain.compaction import ORDER, Compacted, plan
from pipelines.maintain.engines import LEASES, Engine, Maintainer, maintaining
from pipelines.maintain.report import MaintainReport, TableReport
from pipelines.runs import stage_run
from schemas.errors import NothingToDo
from schemas.tables import TABLES, TableName

ALL_APPS: Final = "*"
"""Names the run: tables are shared by all applications."""

Say = Callable[[str], None]


def run(
    context: Context,
    app: str | None = None,
    *,
    engine: Engine = "delta-rs",
    committers_stopped: bool = False,
    dry_run: bool = False,
    say: Say = lambda line: None,
) -> MaintainReport:
    """Maintain every table; `app` is only checked. `say` is told of each table when it is done.

    `committers_stopped`: the operator says that nobody commits meanwhile. Raises UsageError where Spark needs that,
    NothingToDo, Leased if another maintainer has one of the tables, InfrastructureError.
    """
    if app is not None:
        context.config.app(app)
    started = time.monotonic()
    if dry_run:
        tables = {name: _plan(context, name) for name in _existing(context)}
        return MaintainReport("", engine, dry_run, tables, _count_expired(context), time.monotonic() - started)
    with (
        stage_run(context, ALL_APPS, "maintain") as stage,
        maintaining(context, engine, committers_stopped=committers_stopped) as maintainer,
    ):
        expired = expire_daily(context)  # 1
        tables = {}
        for name in _existing(context):
            tables[name] = _maintain(context, name, maintainer, LEASES[engine])
            say(_line(name, tables[name]))
            if rows := tables[name].rows:
                stage.counts.taken[name] = stage.counts.given[name] = rows
        for name in _existing(context, TABLES):
            clean_log(context.lake, name)  # 5
        if not expired and not any(table.merged or table.deleted for table in tables.values()):
            raise NothingToDo("no table has small files to merge or old ones to delete")
    return MaintainReport(stage.run_id, engine, dry_run, tables, expired, time.monotonic() - started)


def _existing(context: Context, names: Iterable[TableName] = ORDER) -> list[TableName]:
    """What nobody has written to yet is not made for the sake of maintaining it."""
    return [name for name in names if DeltaTable.is_deltatable(context.lake.uri(name))]


def _count_expired(context: Context) -> int:
    return sum(count_expired(context, name) for name in _existing(context) if name in BRONZE_TABLES)


def _maintain(context: Context, name: TableName, maintainer: Maintainer, duration: timedelta) -> TableReport:
    before = stored_files(context.lake.open(name))
    found = unnamed(context.lake, name)
    if not plan(context.lake, name) and not found.old:
        return _report(before, before, Compacted(), found)  # no lease where nothing is to be done: it is two commits
    with leased(context.lake, name, context.clock, duration) as lease:  # 2
        compacted = maintainer.merge(lease)  # 3
        found = maintainer.vacuum(lease)  # 4
    return _report(before, stored_files(context.lake.open(name)), compacted, found)


def _plan(context: Context, name: TableName) -> TableReport:
    """What would be done. Merged files are taken to become as large as they are."""
    before, due = stored_files(context.lake.open(name)), plan(context.lake, name)
    merged = [file for files in due for file in files]
    compacted = Compacted(len(merged), len(due), sum(file.rows for file in merged))
    kept = [file for file in before if file not in merged]
    after = kept + [StoredFile("", sum(file.size for file in files), 0, {}) for files in due]
    return _report(before, after, compacted, unnamed(context.lake, name))


def _report(before: list[StoredFile], after: list[StoredFile], done: Compacted, found: Unnamed) -> TableReport:
    return TableReport(
        files_before=len(before),
        files_after=len(after),
        bytes_before=sum(file.size for file in before),
        bytes_after=sum(file.size for file in after),
        merged=done.merged,
        rows=done.rows,
        deleted=found.old,
        younger=found.younger,
    )


def _line(name: TableName, table: TableReport) -> str:
    return f"{name}: {table.files_before} files are {table.files_after} now, {table.deleted} old ones deleted"
