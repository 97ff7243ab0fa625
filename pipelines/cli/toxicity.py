"""`feedwheel toxicity`: train and measure the model that reads toxicity in words."""

from pathlib import Path
from typing import Annotated, Final

import typer

from pipelines.cli.output import Json, command, emit, print_table

_THRESHOLD: Final = 0.75


def register(app: typer.Typer) -> None:
    """Mount the group."""
    group = typer.Typer(help="Train and measure the model that reads toxicity in words.", no_args_is_help=True)
    group.callback()(lambda: None)  # or the only command would be the group
    group.command()(train)
    app.add_typer(group, name="toxicity")


@command
def train(
    data: Annotated[Path, typer.Option(help="Folder of the corpora, each as published, in a folder of its name.")],
    output: Annotated[Path, typer.Option(help="File for the weights, .npz.")],
    threshold: Annotated[float, typer.Option(help="From which a text counts as toxic, in the figures.")] = _THRESHOLD,
    seed: Annotated[int, typer.Option(help="Of what is held out.")] = 7,
    json: Json = False,
) -> None:
    """Train weights, and measure them on what they were not trained on."""
    from pipelines import toxicity

    trained = toxicity.train(data, output, threshold, seed)
    if json:
        emit(trained, json)
        return
    rows = ([found.kind, f"{found.texts:,}", f"{found.share:.1%}"] for found in trained.flagged)
    title = f"Weights {trained.version}, AUC {trained.auc:.3f} on {trained.held_out:,} held-out tweets"
    print_table(("texts", "number", f"above {threshold:g}"), rows, title)
