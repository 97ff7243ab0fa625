"""Commands of signals: extract, validate, score, lineage."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.output import DEFAULT_APP, App, Json, command, emit
from schemas.errors import CheckFailed


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    app.command()(extract)
    app.command()(validate)
    app.command()(score)


@command
def extract(
    app: App = DEFAULT_APP,
    rebuild: Annotated[bool, typer.Option(help="Recompute every conversation from bronze.")] = False,
    json: Json = False,
) -> None:
    """Turn new events into turns, signals and satisfaction."""
    from pipelines import extract as stage
    from pipelines.context import Context

    emit(stage.run(Context.load(), app, rebuild), json, "Extract")


@command
def validate(app: App = DEFAULT_APP, json: Json = False) -> None:
    """Admit the conversations that keep their contract, or refuse the batch."""
    from pipelines import validate as stage
    from pipelines.context import Context

    emit(stage.run(Context.load(), app), json, "Validate")


@command
def score(
    input: Annotated[Path, typer.Option(help="Conversations as text, one JSON object per line.")],
    output: Annotated[Path, typer.Option(help="Scores, one JSON object per line, in the same order.")],
    app: App = DEFAULT_APP,
    json: Json = False,
) -> None:
    """Judge conversations as text: signals and dissatisfaction by turn. Exit 1 if a line was no conversation."""
    from pipelines import score as stage
    from pipelines.settings import Settings

    report = stage.run(Settings.load().config(), app, input, output)
    emit(report, json, "Score")
    if report.bad_lines:
        if json:
            raise typer.Exit(CheckFailed.exit_code)
        raise CheckFailed(f"{len(report.bad_lines)} lines of {input} are no conversations; {output} says why, by line")
