"""Commands of data sets: build, list, show, diff, replay, export."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

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
    sets = typer.Typer(help="Data sets: build, list, show, diff, replay, export.", no_args_is_help=True)
    sets.command("build")(build)
    sets.command("list")(list_sets)
    sets.command("show")(show)
    sets.command("diff")(diff)
    sets.command("replay")(replay)
    sets.command("export")(export)
    app.add_typer(sets, name="dataset")


def _context() -> "Context":
    from pipelines.context import Context

    return Context.load()


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
def show(
    dataset_id: DatasetId,
    card: Annotated[
        Path | None, typer.Option(help="Write the data card there: Markdown to NAME.md, one page to NAME.html.")
    ] = None,
    app: App = DEFAULT_APP,
    json: Json = False,
) -> None:
    """Show the manifest of a data set, and its bias report; or write its card."""
    from pipelines.dataset.manifest import find_manifest

    manifest = find_manifest(_context().lake, app, dataset_id)
    if card is not None:
        from pipelines.dataset.card_files import write_card

        emit(write_card(manifest, card), json, "Card")
        return
    facts = _summary(manifest)
    if json:
        emit(facts, as_json=True)
        return
    for described in ("bias", "composition", "funnel"):
        del facts[described]
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
    """Show what changed between two data sets and why; with --json also which examples."""
    from pipelines.dataset import compare

    found = asdict(compare.diff(_context(), app, old, new))
    if not json:
        del found["ids_added"], found["ids_removed"]
    emit(found, json, "Difference")


@command
def replay(dataset_id: DatasetId, app: App = DEFAULT_APP, json: Json = False) -> None:
    """Derive a data set again from bronze and judge it; exit 1 if the input is gone or there is a defect."""
    from pipelines.dataset import replay as stage

    emit(stage.replay(_context(), app, dataset_id), json, "Replay")


@command
def export(
    dataset_id: DatasetId,
    folder: Annotated[Path, typer.Option("--output", help="Folder for the files.")],
    form: Annotated[
        Literal["jsonl", "parquet", "datasets"],
        typer.Option("--format", help="JSON Lines, Parquet, or a folder that Hugging Face's datasets loads."),
    ] = "jsonl",
    check: Annotated[bool, typer.Option(help="Whether the model's chat template takes every row.")] = True,
    app: App = DEFAULT_APP,
    json: Json = False,
) -> None:
    """Write the sets of a data set as files in TRL's formats."""
    from pipelines.dataset import files

    emit(files.export(_context(), app, dataset_id, folder, form, check=check), json, "Exported")
