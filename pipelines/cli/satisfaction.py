"""`feedwheel satisfaction`: train and measure the model that reads dissatisfaction in words."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from pipelines.cli.output import Json, command, emit, print_table

if TYPE_CHECKING:
    from pipelines.satisfaction.measure import Quality
    from pipelines.satisfaction.whole import Whole

Data = Annotated[Path, typer.Option(help="Folder of labelled corpora, each as published, in a folder of its name.")]
Seed = Annotated[int, typer.Option(help="Of every draw.")]


def register(app: typer.Typer) -> None:
    """Mount the group."""
    group = typer.Typer(help="Train and measure the model that reads dissatisfaction in words.", no_args_is_help=True)
    group.command()(train)
    group.command()(evaluate)
    group.command()(distil)
    group.command(name="register")(register_weights)
    app.add_typer(group, name="satisfaction")


@command
def train(
    data: Data,
    output: Annotated[Path, typer.Option(help="Folder for the weights; `feedwheel score --model` takes it.")],
    corpora: Annotated[str | None, typer.Option(help="Names, by commas; those of the shipped weights if none.")] = None,
    encoder: Annotated[Path | None, typer.Option(help="Folder of another encoder than the shipped one.")] = None,
    seed: Seed = 7,
    json: Json = False,
) -> None:
    """Train weights on labelled conversations. The same corpora and seed give the same weights."""
    from feedback.dissatisfaction.model import SHIPPED
    from pipelines.satisfaction import stage

    names = tuple(name.strip() for name in corpora.split(",")) if corpora else stage.TRAINS
    emit(stage.train(data, output, names, encoder or SHIPPED, seed, _tell), json, "Weights")


@command
def evaluate(
    data: Data,
    model: Annotated[Path | None, typer.Option(help="Folder of other weights than the shipped ones.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Picture of what was predicted against what was observed.")] = None,
    seed: Seed = 7,
    json: Json = False,
) -> None:
    """Measure weights on systems that they were not trained on, and what each left-out corpus would get."""
    from feedback.dissatisfaction.model import SHIPPED
    from pipelines.satisfaction import stage

    measured = stage.evaluate(data, model or SHIPPED, seed, _tell)
    if plot:
        from pipelines.satisfaction.plot import reliability

        reliability(measured.weights, plot)
    if json:
        emit(measured, json)
        return
    _show(measured.weights, f"Weights {measured.version}, on corpora that did not train them")
    _show(measured.left_out, "Weights trained on all corpora but the one measured")
    _show_whole(measured.conversations)


@command
def distil(
    teacher: Annotated[Path, typer.Option(help="Folder of a sentence model, as transformers reads it.")],
    texts: Annotated[Path, typer.Option(help="Texts to learn from, one JSON string per line.")],
    output: Annotated[Path, typer.Option(help="Folder for the encoder.")],
    epochs: Annotated[int, typer.Option(min=1)] = 10,
    seed: Seed = 7,
    json: Json = False,
) -> None:
    """Teach a small encoder to place texts as a large one does: a quarter of an hour for 100,000 texts."""
    from pipelines.satisfaction import distil as stage

    emit(stage.distil(teacher, texts, output, epochs, seed, _tell), json, "Encoder")


@command
def register_weights(
    model: Annotated[Path | None, typer.Option(help="Folder of other weights than the shipped ones.")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of labelled corpora to measure them on.")] = None,
    seed: Seed = 7,
    json: Json = False,
) -> None:
    """Put weights into the model registry, with what they were trained on and how good they are."""
    from feedback.dissatisfaction.model import SHIPPED
    from pipelines.io.mlflow import Tracking
    from pipelines.satisfaction import registry
    from pipelines.settings import Settings

    emit(registry.register(Tracking(Settings.load().mlflow), model or SHIPPED, data, seed, _tell), json, "Registered")


def _tell(what: str) -> None:
    Console(stderr=True, highlight=False).print(f"{what} ...", markup=False)


def _show(found: "list[Quality]", title: str) -> None:
    rows = (
        [
            each.corpus,
            each.system,
            f"{each.n:,}",
            f"{each.dissatisfied:,}",
            f"{each.auc.value:.3f}",
            f"{each.auc.low:.3f} to {each.auc.high:.3f}",
            f"{each.f1:.2f}",
            f"{each.calibration_error_raw:.3f}",
            f"{each.calibration_error:.3f}",
            f"{each.calibration_error_by_chance:.3f}",
        ]
        for each in found
    )
    columns = (
        "corpus",
        "system",
        "answers",
        "dissatisfied",
        "AUC",
        "95 %",
        "F1",
        "calibration error",
        "with 200 labels",
        "by chance",
    )
    print_table(columns, rows, title)


def _show_whole(found: "list[Whole]") -> None:
    rows = (
        [
            each.quality.corpus,
            each.quality.system,
            each.split,
            f"{each.quality.n:,}",
            f"{each.quality.n - each.quality.dissatisfied:,}",
            f"{each.quality.auc.value:.3f}",
            f"{each.quality.auc.low:.3f} to {each.quality.auc.high:.3f}",
            f"{each.quality.calibration_error_raw:.3f}",
            f"{each.quality.calibration_error:.3f}",
        ]
        for each in found
    )
    columns = (
        "corpus",
        "system",
        "satisfied are those of",
        "conversations",
        "satisfied",
        "AUC",
        "95 %",
        "calibration error",
        "with 200 labels",
    )
    print_table(columns, rows, "Satisfaction with whole conversations, on corpora that did not train the weights")
