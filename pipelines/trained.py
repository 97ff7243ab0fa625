"""Trained models as ops/models holds them: the edge from a data set, and so from its people, to a model (I8)."""

from datetime import datetime

import msgspec
import pyarrow.compute as pc

from pipelines.io.lake import Lake


class TrainedModel(msgspec.Struct, frozen=True, kw_only=True):
    """One trained model. `adapter_uri` is its LoRA adapter; what is served is exported from it."""

    model_version: str
    app: str
    dataset_id: str
    content_hash: str
    base_digest: str
    adapter_digest: str
    adapter_uri: str
    config_hash: str
    mlflow_run_id: str
    trained_at: datetime


def trained_models(lake: Lake, app: str) -> list[TrainedModel]:
    """Every trained model of `app`, oldest first."""
    rows = lake.read("ops/models", where=pc.field("app") == app).to_pylist()
    return sorted(msgspec.convert(rows, list[TrainedModel]), key=lambda model: (model.trained_at, model.model_version))


def newest_model(lake: Lake, app: str) -> TrainedModel | None:
    """The model of `app` that was trained last."""
    models = trained_models(lake, app)
    return models[-1] if models else None


def find_model(lake: Lake, app: str, version: str) -> TrainedModel | None:
    """The trained model of that version; None for one that was not trained here, such as the base model."""
    return next((model for model in trained_models(lake, app) if model.model_version == version), None)


def write_model(lake: Lake, model: TrainedModel) -> None:
    """Make a trained model known."""
    lake.append("ops/models", [msgspec.structs.asdict(model)])
