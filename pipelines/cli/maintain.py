"""The command of maintenance: maintain."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from pipelines.cli.output import DEFAULT_APP, App, Json, command, emit, print_table

if TYPE_CHECKING:
    from pipelines.maintain import MaintainReport

_COLUMNS = ("table", "files", "then", "MB", "then", "rows merged", "old files deleted", "younger than 7 days")


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command()(maintain)


@command
def maintain(
    app: App = DEFAULT_APP,
    engine: Annotated[
        Literal["delta-rs", "spark"],
        typer.Option(help="delta-rs: in this process. spark: where FEEDWHEEL_SPARK_MASTER says."),
    ] = "delta-rs",
    committers_stopped: Annotated[
        bool, typer.Option(help="Spark on S3 only: nobody else commits to the tables while this runs.")
    ] = False,
    dry_run: Annotated[bool, typer.Option(help="Only say what would be done.")] = False,
    json: Json = False,
) -> None:
    """Merge small files of bronze and silver, delete old ones, let payloads expire; --app is only checked."""
    from pipelines import maintain as stage
    from pipelines.context import Context

    progress = Console(stderr=True, highlight=False)
    report = stage.run(
        Context.load(),
        app,
        engine=engine,
        committers_stopped=committers_stopped,
        dry_run=dry_run,
        say=lambda line: progress.print(line, markup=False),
    )
    if json:
        emit(report, json)
    else:
        _print(report)


def _print(report: "MaintainReport") -> None:
    rows = [
        (
            name,
            table.files_before,
            table.files_after,
            f"{table.bytes_before / 1e6:,.1f}",
            f"{table.bytes_after / 1e6:,.1f}",
            table.rows,
            table.deleted,
            table.younger,
        )
        for name, table in report.tables.items()
    ]
    would = "Would be done" if report.dry_run else "Done"
    print_table(_COLUMNS, rows, f"{would} by {report.engine} in {report.seconds:.1f} s")
    lost = "would lose" if report.dry_run else "lost"
    Console(highlight=False, soft_wrap=True).print(
        f"{report.payloads_expired} rejected records {lost} their bytes after 14 days."
    )
