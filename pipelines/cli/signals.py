"""Commands of signals: extract, validate, calibrate, score, lineage."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

from pipelines.cli.output import DEFAULT_APP, App, Json, command, emit, print_table, refuse_bad_lines

if TYPE_CHECKING:
    from pipelines.lineage import Branch

SHOWN_BRANCHES: Final = 10
"""Of one kind below one node; --json has all."""


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    app.command()(extract)
    app.command()(validate)
    app.command()(calibrate)
    app.command()(score)
    app.command()(lineage)


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
def validate(
    app: App = DEFAULT_APP,
    waive: Annotated[
        str | None, typer.Option(metavar="REASON", help="Admit this batch whatever the gate says, and record why.")
    ] = None,
    json: Json = False,
) -> None:
    """Admit the conversations that keep their contract, or refuse the batch."""
    from pipelines import validate as stage
    from pipelines.context import Context

    emit(stage.run(Context.load(), app, waive), json, "Validate")


@command
def calibrate(app: App = DEFAULT_APP, json: Json = False) -> None:
    """Learn from what people say on purpose how much their other signals are worth; the next extract judges by it."""
    from pipelines import calibrate as stage
    from pipelines.context import Context

    report = stage.run(Context.load(), app)
    if json:
        emit(report, json)
        return
    rows = (
        [name, f"{report.labels[name]:,}", f"{report.disliked[name]:.0%}", f"{report.words[name]:.2f}"]
        for name in report.labels
    )
    print_table(("language", "judged answers", "disliked", "belief in words"), rows, f"Calibration {report.version}")
    changes = (
        [change.language, change.kind, f"{change.stated:.2f}", f"{change.estimated:.2f}"]
        for change in report.confidences
    )
    print_table(("language", "signal", "confidence stated", "learned"), changes, "By which the next extract judges")


@command
def score(
    input: Annotated[Path, typer.Option(help="Conversations as text, one JSON object per line.")],
    output: Annotated[Path, typer.Option(help="Scores, one JSON object per line, in the same order.")],
    app: Annotated[
        str | None,
        typer.Option(help="Application whose type counts; without it, an assistant.", envvar="FEEDWHEEL_APP"),
    ] = None,
    model: Annotated[Path | None, typer.Option(help="Folder of other weights than the shipped ones.")] = None,
    json: Json = False,
) -> None:
    """Judge conversations as text: signals and dissatisfaction by turn. Exit 1 if a line was no conversation."""
    from pipelines import score as stage
    from pipelines.settings import Settings

    report = stage.run(Settings.load().config(), app, input, output, model)
    emit(report, json, "Score")
    refuse_bad_lines(report.bad_lines, input, output, "conversations", json)


@command
def lineage(
    id: Annotated[str, typer.Argument(help="Of an answer, event, person (key), conversation, example, data set, ...")],
    app: App = DEFAULT_APP,
    json: Json = False,
) -> None:
    """Show what something was made from, and what it was used for."""
    from pipelines import lineage as stage
    from pipelines.context import Context

    report = stage.run(Context.load(), app, id)
    if json:
        emit(report, json)
        return
    for title, branch in (("made from", report.made_from), ("used by", report.used_by)):
        tree = Tree(f"{_line(branch)}  [bold]{title}{'' if branch.branches else ' nothing'}[/bold]")
        _grow(tree, branch)
        Console().print(tree)


def _grow(tree: Tree, branch: "Branch") -> None:
    shown = Counter[str]()
    for child in branch.branches:
        shown[child.kind] += 1
        if shown[child.kind] <= SHOWN_BRANCHES:
            _grow(tree.add(_line(child)), child)
    for kind, count in shown.items():
        if count > SHOWN_BRANCHES:
            tree.add(f"... {count - SHOWN_BRANCHES} more of kind {kind}")


def _line(branch: "Branch") -> str:
    facts = "  ".join(f"{name} {value}" for name, value in branch.facts.items())
    again = "  (see above)" if branch.repeated else ""
    return f"{branch.kind} [bold]{escape(branch.id)}[/bold]  {escape(facts)}{again}"
