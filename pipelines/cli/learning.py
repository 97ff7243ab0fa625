"""Commands of learning: curate, train, curve, evaluate, release, promote, rollback."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.output import DEFAULT_APP, App, Json, command, emit

if TYPE_CHECKING:
    from pipelines.context import Context


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    app.command()(curate)
    app.command()(train)
    app.command()(curve)
    app.command()(evaluate)
    app.command()(release)
    app.command()(promote)
    app.command()(rollback)


def _context() -> "Context":
    from pipelines.context import Context

    return Context.load()


@command
def curate(app: App = DEFAULT_APP, json: Json = False) -> None:
    """Label what people said, redact, deduplicate, decontaminate: candidates for data sets."""
    from pipelines import curate as stage

    emit(stage.run(_context(), app), json, "Curate")


@command
def train(
    app: App = DEFAULT_APP,
    dataset: Annotated[str | None, typer.Option(help="Id of a data set; without it the newest of all.")] = None,
    json: Json = False,
) -> None:
    """Fit an adapter to a data set; a run that was killed goes on from its last checkpoint."""
    from pipelines import train as stage

    logging.getLogger("pipelines.train").setLevel(logging.INFO)  # progress, on stderr
    emit(stage.run(_context(), app, dataset), json, "Train")


@command
def curve(
    app: App = DEFAULT_APP,
    dataset: Annotated[str | None, typer.Option(help="Id of a data set; without it the newest of all.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the curve there: NAME.png, NAME.svg.")] = None,
    json: Json = False,
) -> None:
    """Train on 25, 50 and 100 % of the people of a data set, and say whether more of it is worth collecting."""
    from pipelines import curve as stage

    logging.getLogger("pipelines.train").setLevel(logging.INFO)  # progress, on stderr
    report = stage.run(_context(), app, dataset)
    if plot is not None:
        from pipelines.curve_plot import draw

        draw(report, plot)
    emit(report, json, "Learning curve")


@command
def evaluate(app: App = DEFAULT_APP, json: Json = False) -> None:
    """Compare the newest model with the champion on the gate items, and record the verdict."""
    from pipelines import evaluate as stage

    emit(stage.run(_context(), app), json, "Evaluate")


@command
def release(app: App = DEFAULT_APP, json: Json = False) -> None:
    """Propose the newest model to serving if its gate says PASS."""
    from pipelines import release as stage

    emit(stage.run(_context(), app), json, "Release")


@command
def promote(
    app: App = DEFAULT_APP,
    waive: Annotated[
        str | None, typer.Option(metavar="REASON", help="Propose whatever the gate says, and record why.")
    ] = None,
    json: Json = False,
) -> None:
    """Approve a MARGINAL model; serving still tries it on people before it is champion."""
    from pipelines import release as stage

    emit(stage.promote(_context(), app, waive), json, "Promote")


@command
def rollback(
    app: App = DEFAULT_APP,
    reason: Annotated[str, typer.Option(help="Kept in the control log.")] = "by hand",
    json: Json = False,
) -> None:
    """End the trial under way, or go back to the champion before."""
    from pipelines import release as stage

    emit(stage.rollback(_context(), app, reason), json, "Rollback")
