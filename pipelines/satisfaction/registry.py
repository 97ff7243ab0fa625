"""Weights of the model of dissatisfaction in the model registry, like those of any other model.

In: a folder of weights, and corpora to measure them on, if there are any. Out: a version of `feedwheel-satisfaction`
with the files, what they were trained on, and the figures. Doing it again finds the version instead of adding another.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import Struct

from feedback.dissatisfaction.model import DissatisfactionModel
from pipelines.io.mlflow import Tracking
from pipelines.io.models import model_ref
from pipelines.satisfaction.stage import measure

NAME: Final = "feedwheel-satisfaction"


class Registered(Struct, frozen=True):
    """A version in the registry: MLflow's number of it, and the AUC by corpus and system, where it was measured."""

    name: str
    version: str
    number: str
    auc: dict[str, float]


def register(tracking: Tracking, folder: Path, data: Path | None, seed: int, tell: Callable[[str], None]) -> Registered:
    """Register weights. Raises UsageError if there are none, InfrastructureError."""
    model = DissatisfactionModel.load(folder)
    about = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    auc = {
        f"{found.corpus}/{found.system}": found.auc.value
        for found in (measure(data, model, seed, tell) if data else [])
    }
    params = {f"answers/{name}": count for name, count in about["trained_on"].items()}
    run_id = tracking.start_run(NAME, model.version, params, {"feedwheel.stage": "satisfaction"})
    tracking.log_metrics(run_id, {f"auc/{name}": value for name, value in auc.items()})
    number = tracking.register(NAME, model_ref(NAME, model.version, folder), run_id, folder, {})
    tracking.end_run(run_id)
    return Registered(NAME, model.version, number, auc)
