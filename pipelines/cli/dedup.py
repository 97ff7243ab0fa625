"""`feedwheel dedup`: which texts of a file are the same up to an edit."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from feedback.near_duplicates import NEAR_DUPLICATE
from pipelines.cli.output import Json, command, emit, refuse_bad_lines


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command()(dedup)


@command
def dedup(
    input: Annotated[Path, typer.Option(help="Documents, one JSON object {id, text} per line.")],
    output: Annotated[Path, typer.Option(help="Clusters {id, cluster, kept}, one per line, in the same order.")],
    threshold: Annotated[
        float, typer.Option(min=0.45, max=1.0, help="Jaccard similarity of shingles that makes two texts one.")
    ] = NEAR_DUPLICATE,
    json: Json = False,
) -> None:
    """Find texts that are the same up to an edit, and say which to keep. Exit 1 if a line was no document."""
    from pipelines import dedup as stage

    with Console(stderr=True, highlight=False).status("reading") as status:
        report = stage.run(input, output, threshold, status.update)
    emit(report, json, "Dedup")
    refuse_bad_lines(report.bad_lines, input, output, "documents", json)
