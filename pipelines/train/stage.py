"""One training run of one application.

In: the sft set of the newest data set that holds all candidates. Out: a LoRA adapter of the base model, an MLflow run,
and a row of ops/models, without which the model does not exist. The steps, numbered as in the code:

1. plan: the version names data, base and settings, so nothing is trained twice and a killed run is found again;
2. fit the adapter (`fitting`), in the order of the examples' ids, from where a killed run was;
3. close the MLflow run, make the model known, remove checkpoints.
"""

import shutil
import time
from dataclasses import dataclass

from pipelines.context import Context
from pipelines.dataset.manifest import Manifest, find_manifest, newest_manifest, readable_examples_of
from pipelines.io.mlflow import Tracking
from pipelines.io.models import file_digest
from pipelines.runs import stage_run
from pipelines.train.fitting import Watched, fitted
from pipelines.train.plan import ADAPTER_FILES, Plan, make_plan
from pipelines.trained import TrainedModel, find_model, write_model
from schemas.errors import NothingToDo


@dataclass(frozen=True, slots=True)
class TrainReport:
    """One training run. `loss` is that of the last logged step; `resumed_at` 0 unless a killed run was continued."""

    model_version: str
    dataset_id: str
    adapter_digest: str
    mlflow_run_id: str
    examples: int
    steps: int
    resumed_at: int
    loss: float | None
    seconds: float


def run(context: Context, app: str, dataset_id: str | None = None) -> TrainReport:
    """Train on a data set. Raises NothingToDo, UsageError, InfrastructureError."""
    context.config.app(app)
    started = time.monotonic()
    with stage_run(context, app, "train") as stage:
        plan = _plan(context, app, dataset_id)  # 1
        tracking = Tracking(context.settings.mlflow)
        mlflow_run_id = _start_mlflow_run(context, tracking, plan)
        rows = readable_examples_of(context.lake, plan.manifest.dataset_id, "sft").to_pylist()
        stage.counts.taken["sft"] = len(rows)
        watched = fitted(context, plan, rows)  # 2
        stage.counts.given["trained"] = watched.examples
        stage.counts.dropped["longer_than_max_length"] = watched.too_long
        model = _make_known(context, tracking, plan, mlflow_run_id, watched)  # 3
    shutil.rmtree(plan.work)
    return TrainReport(
        model_version=model.model_version,
        dataset_id=model.dataset_id,
        adapter_digest=model.adapter_digest,
        mlflow_run_id=mlflow_run_id,
        examples=watched.examples,
        steps=watched.steps,
        resumed_at=watched.resumed_at,
        loss=watched.losses[-1][1] if watched.losses else None,
        seconds=time.monotonic() - started,
    )


def _plan(context: Context, app: str, dataset_id: str | None) -> Plan:
    lake = context.lake
    manifest: Manifest | None
    manifest = find_manifest(lake, app, dataset_id) if dataset_id else newest_manifest(lake, app)
    if manifest is None or not manifest.sets.get("sft"):
        raise NothingToDo(f"{app} has no data set with sft examples yet: run `feedwheel dataset build`")
    if not readable_examples_of(lake, manifest.dataset_id, "sft").num_rows:
        raise NothingToDo(f"everybody whose words are in data set {manifest.dataset_id} has withdrawn them")
    plan = make_plan(context, app, manifest)
    if find_model(lake, app, plan.version):
        raise NothingToDo(f"data set {manifest.dataset_id} is trained on already: model {plan.version}")
    return plan


def _start_mlflow_run(context: Context, tracking: Tracking, plan: Plan) -> str:
    manifest = plan.manifest
    params = {
        **plan.training.model_dump(),
        "dataset_id": manifest.dataset_id,
        "content_hash": manifest.content_hash,
        "base_digest": plan.base_digest,
        "config_hash": context.config.digest,
    }
    run_id = tracking.start_run(f"feedwheel-{plan.app}", plan.version, params, {"feedwheel.stage": "train"})
    source = f"{context.lake.uri('gold/datasets/examples')}?dataset_id={manifest.dataset_id}"
    tracking.log_dataset(run_id, f"{plan.app}-sft", manifest.content_hash, source, manifest.sets["sft"])
    return run_id


def _make_known(context: Context, tracking: Tracking, plan: Plan, mlflow_run_id: str, watched: Watched) -> TrainedModel:
    """Step 3, the row of ops/models last."""
    model = TrainedModel(
        model_version=plan.version,
        app=plan.app,
        dataset_id=plan.manifest.dataset_id,
        content_hash=plan.manifest.content_hash,
        base_digest=plan.base_digest,
        adapter_digest=file_digest(plan.adapter / ADAPTER_FILES[0]),
        adapter_uri=plan.adapter.as_uri(),
        config_hash=context.config.digest,
        mlflow_run_id=mlflow_run_id,
        trained_at=context.clock(),
    )
    for step, loss in watched.losses:
        tracking.log_metrics(mlflow_run_id, {"loss": loss}, step)
    tracking.log_metrics(mlflow_run_id, {"examples": watched.examples})
    tracking.end_run(mlflow_run_id)
    write_model(context.lake, model)
    return model
