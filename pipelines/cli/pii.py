"""`feedwheel pii`: find what is personal in texts."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pipelines.cli.output import Json, command, emit, refuse_bad_lines


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command()(pii)


@command
def pii(
    input: Annotated[Path, typer.Option(help='Texts, one JSON object {"id", "text"} per line.')],
    output: Annotated[Path, typer.Option(help='Finds, one JSON object {"id", "spans"} per line, in the same order.')],
    json: Json = False,
) -> None:
    """Find names, addresses, numbers and secrets in texts, as curation does. Exit 1 if a line was no text."""
    from pipelines import pii as stage

    console = Console(stderr=True, highlight=False)
    with console.status("Loading the language model ...") as status:
        report = stage.run(input, output, lambda lines: status.update(f"{lines:,} lines"))
    emit(report, json, "Personal data")
    refuse_bad_lines(report.bad_lines, input, output, "texts", json)
