"""Commands of learning: curate, dataset, train, evaluate, release, promote, rollback."""

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.output import DEFAULT_APP, App, Json, command, emit, print_table

if TYPE_CHECKING:
    from feedback.bias.report import BiasFigure
    from pipelines.context import Context
    from pipelines.dataset.manifest import Manifest

Since = Annotated[datetime | None, typer.Option(help="Only answers given since then, UTC.")]
Until = Annotated[datetime | None, typer.Option(help="Only answers given before then, UTC.")]
Where = Annotated[str | None, typer.Option(help="Only examples such as `rule=disliked and weight>=0.8`.")]
DatasetId = Annotated[str, typer.Argument(help="The id, or its beginning if no other begins so.")]


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    app.command()(curate)
    sets = typer.Typer(help="Data sets: build, list, show, diff, replay, export.", no_args_is_help=True)
    sets.command("build")(build)
    sets.command("list")(list_sets)
    sets.command("show")(show)
    sets.command("diff")(diff)
    sets.command("replay")(replay)
    sets.command("export")(export)
    app.add_typer(sets, name="dataset")
    app.command()(train)
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
def build(
    app: App = DEFAULT_APP, since: Since = None, until: Until = None, where: Where = None, json: Json = False
) -> None:
    """Build the sets of all candidates, which training uses; or of a selection, which it does not."""
    from pipelines import dataset as stage
    from pipelines.dataset.selection import Selection

    selection = Selection(since=utc(since), until=utc(until), where=where)
    emit(stage.run(_context(), app, selection), json, "Data set")


def utc(time: datetime | None) -> datetime | None:
    """A time given without a zone, as UTC."""
    return time and time.replace(tzinfo=UTC)


@command
def list_sets(app: App = DEFAULT_APP, json: Json = False) -> None:
    """List data sets, the newest last."""
    from pipelines.dataset.manifest import manifests

    context = _context()
    context.config.app(app)
    found = manifests(context.lake, app)
    if json:
        emit({"datasets": [_summary(manifest) for manifest in found]}, as_json=True)
        return
    print_table(("id", "built at (UTC)", "content", "examples", "selection"), map(_list_row, found))


def _list_row(manifest: "Manifest") -> list[str]:
    sets = ", ".join(f"{name} {count}" for name, count in sorted(manifest.sets.items()))
    selection = "all" if manifest.is_whole else str(_summary(manifest)["selection"])
    return [manifest.dataset_id, f"{manifest.built_at:%F %T}", manifest.content_hash[:12], sets, selection]


def _summary(manifest: "Manifest") -> dict[str, object]:
    """A manifest without the configuration that it embeds: its hash says the same."""
    import msgspec

    facts: dict[str, object] = msgspec.to_builtins(manifest)
    del facts["config"]
    return facts


@command
def show(dataset_id: DatasetId, app: App = DEFAULT_APP, json: Json = False) -> None:
    """Show the manifest of a data set, and its bias report."""
    from pipelines.dataset.manifest import find_manifest

    manifest = find_manifest(_context().lake, app, dataset_id)
    facts = _summary(manifest)
    if json:
        emit(facts, as_json=True)
        return
    del facts["bias"]
    emit(facts, as_json=False, title="Data set")
    if manifest.bias is None:
        print("Bias: built before there were reports")
        return
    columns = ("bias", "measure", "raw", "corrected", "95 %", "n", "set before", "note")
    title = f"Bias, over {manifest.bias.answers} answers shown to {manifest.bias.people} people"
    print_table(columns, map(_bias_row, manifest.bias.figures), title)


def _bias_row(figure: "BiasFigure") -> list[str]:
    interval = "-" if figure.low is None else f"{figure.low:.3f} to {figure.high:.3f}"
    raw, corrected, before = (
        "-" if value is None else f"{value:.3f}" for value in (figure.raw, figure.corrected, figure.before)
    )
    counted = f"{figure.n} {figure.counted}" if figure.n else "-"
    return [figure.bias, figure.measure, raw, corrected, interval, counted, before, figure.note or ""]


@command
def diff(
    old: DatasetId,
    new: DatasetId,
    app: App = DEFAULT_APP,
    json: Json = False,
) -> None:
    """Show what changed between two data sets."""
    from pipelines.dataset import compare

    emit(compare.diff(_context(), app, old, new), json, "Difference")


@command
def replay(dataset_id: DatasetId, app: App = DEFAULT_APP, json: Json = False) -> None:
    """Derive a data set again from bronze and judge it; exit 1 if the input is gone or there is a defect."""
    from pipelines.dataset import replay as stage

    emit(stage.replay(_context(), app, dataset_id), json, "Replay")


@command
def export(
    dataset_id: DatasetId,
    folder: Annotated[Path, typer.Option("--output", help="Folder for SET.jsonl.")],
    app: App = DEFAULT_APP,
    json: Json = False,
) -> None:
    """Write the sets of a data set as JSON Lines in TRL's formats."""
    from pipelines.dataset import files

    emit(files.export(_context(), app, dataset_id, folder), json, "Exported")


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
