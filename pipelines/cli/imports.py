"""Commands of exports of other products: import, heatmap."""

from pathlib import Path
from typing import Annotated, Final, cast, get_args

import typer
from feedwheel_capture.vocabulary import Consent
from rich.console import Console

from feedback.capture.importers.scribe import Format
from pipelines.cli.output import DEFAULT_APP, App, Json, command, emit, print_table
from schemas.errors import CheckFailed, UsageError

FORMATS: Final = get_args(Format)


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    app.command("import")(import_)
    app.command()(heatmap)


@command
def import_(
    format: Annotated[str, typer.Argument(help=", ".join(FORMATS) + ".")],
    path: Annotated[Path, typer.Argument(help="The export: a folder, a zip, a JSON or a JSONL file.")],
    app: App = DEFAULT_APP,
    user: Annotated[str | None, typer.Option(help="Whose conversations these are, instead of whom it names.")] = None,
    consent: Annotated[
        str | None, typer.Option(help="content, signal_only or none, instead of the application's default.")
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Only count what would be published.")] = False,
    json: Json = False,
) -> None:
    """Publish an export of another product as events of an application.

    Publishing it again adds nothing to what is extracted: events are known by their ids.
    """
    from pipelines import imports as stage
    from pipelines.context import Context

    chosen = cast("Format", _checked(format, FORMATS, "FORMAT"))
    allowed = None if consent is None else cast("Consent", _checked(consent, get_args(Consent), "--consent"))
    progress = Console(stderr=True, highlight=False)
    report = stage.run(
        Context.load(),
        app,
        chosen,
        path,
        user=user,
        consent=allowed,
        dry_run=dry_run,
        say=lambda line: progress.print(line, markup=False),
    )
    emit(report, json, "Import")
    if report.skipped and not (report.answers or report.feedback or report.withheld):
        reasons = ", ".join(f"{count} {reason}" for reason, count in report.skipped.items())
        raise CheckFailed(f"nothing in it could be read ({reasons}): is {path} really an export of format {chosen}?")


@command
def heatmap(
    paths: Annotated[list[Path], typer.Argument(help="Exports of ChatGPT or Claude, each a folder, zip or file.")],
    tz: Annotated[str | None, typer.Option(help="Time zone, for example Europe/Berlin; else this machine's.")] = None,
    output: Annotated[Path, typer.Option(help="FILE.png or FILE.html.")] = Path("heatmap.png"),
    year: Annotated[int | None, typer.Option(min=1, max=9999, help="Only this year.")] = None,
    json: Json = False,
) -> None:
    """Draw on which days conversations began, one row of years for each export."""
    from pipelines import heatmap as stage

    report = stage.run(paths, output, tz, year)
    if json:
        emit(report, json)
        return
    print_table(
        ("export", "product", "conversations", "active days", "busiest day", "undated", "skipped"),
        [
            (
                it.name,
                it.product,
                it.conversations,
                it.active_days,
                it.busiest_day,
                it.undated,
                sum(it.skipped.values()),
            )
            for it in report.exports
        ],
    )
    Console(highlight=False, soft_wrap=True).print(f"\n{report.output}", markup=False)


def _checked(value: str, known: tuple[str, ...], where: str) -> str:
    if value not in known:
        raise UsageError(f"{where} {value!r} is unknown: choose {', '.join(known)}")
    return value
