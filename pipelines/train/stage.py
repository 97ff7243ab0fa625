"""One training run of one application.

In: the sft set of the newest data set that holds all candidates. Out: a LoRA adapter of the base model, an MLflow run,
and a row of ops/models, without which the model does not exist. The steps, numbered as in the code:

1. plan: the version names data, base and settings, so nothing is trained twice and a killed run is found again;
2. write the rows for the workers, in a fixed order;
3. fit on Ray Train, from the newest checkpoint if a run of this plan was killed;
4. keep the adapter of the last checkpoint, whole or not at all;
5. close the MLflow run, make the model known, remove checkpoints.
"""

import logging
import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from pipelines.context import Context
from pipelines.dataset.manifest import Manifest, find_manifest, newest_manifest, readable_examples_of
from pipelines.dataset.rows import training_row, write_jsonl
from pipelines.io.mlflow import Tracking
from pipelines.io.models import build_once, file_digest
from pipelines.io.ray import ray_session
from pipelines.runs import stage_run
from pipelines.train.plan import Plan, make_plan
from pipelines.train.progress import Progress, follow, seconds_left
from pipelines.train.worker import CHECKPOINT, FitPlan, fit
from pipelines.trained import TrainedModel, find_model, write_model
from schemas.errors import InfrastructureError, NothingToDo

_LOG: Final = logging.getLogger(__name__)
_CHECKPOINT_STEPS: Final = 20
"""Some 30 s of work on two cores: what a killed run has to do again at most."""
_THREADS: Final = {"OMP_NUM_THREADS": str(os.cpu_count() or 1), "OMP_WAIT_POLICY": "PASSIVE"}
"""Ray would give a worker one thread for each CPU it reserves. Threads that spin while they wait take the cores from
those that serve: beside other work a step took up to ten times as long."""
_ADAPTER_FILES: Final = ("adapter_model.safetensors", "adapter_config.json")


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


@dataclass(slots=True)
class _Watched:
    """What the worker has told."""

    examples: int = 0
    too_long: int = 0
    resumed_at: int = 0
    steps: int = 0
    losses: list[tuple[int, float]] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def take(self, fact: Progress) -> None:
        """Remember one fact, and tell whoever waits."""
        if fact.examples is not None:
            self.examples, self.too_long = fact.examples, fact.too_long or 0
        if fact.resumed_at is not None:
            self.resumed_at, self.steps, self.started = fact.resumed_at, fact.steps or 0, time.monotonic()
            _LOG.info("training begins at step %d of %d", self.resumed_at, self.steps)
        if fact.step is not None and fact.loss is not None:
            self.losses.append((fact.step, fact.loss))
            left = seconds_left(self.started, self.resumed_at, fact)
            _LOG.info("step %d of %d, loss %.3f, about %.0f s left", fact.step, self.steps, fact.loss, left or 0)


def run(context: Context, app: str, dataset_id: str | None = None) -> TrainReport:
    """Train on a data set. Raises NothingToDo, UsageError, InfrastructureError."""
    context.config.app(app)
    started = time.monotonic()
    with stage_run(context, app, "train") as stage:
        plan = _plan(context, app, dataset_id)  # 1
        tracking = Tracking(context.settings.mlflow)
        mlflow_run_id = _start_mlflow_run(context, tracking, plan)
        stage.counts.taken["sft"] = _write_rows(context, plan)  # 2
        watched = _Watched()
        with ray_session(context.settings), follow(plan.work / "progress.jsonl", watched.take):
            checkpoint = _fit(plan)  # 3
        build_once(plan.model, lambda unfinished: _keep_adapter(checkpoint, unfinished / "adapter"))  # 4
        stage.counts.given["trained"] = watched.examples
        stage.counts.dropped["longer_than_max_length"] = watched.too_long
        model = _make_known(context, tracking, plan, mlflow_run_id, watched)  # 5
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


def _write_rows(context: Context, plan: Plan) -> int:
    """Step 2: the rows in the order of their ids, which no run changes."""
    rows = readable_examples_of(context.lake, plan.manifest.dataset_id, "sft").to_pylist()
    plan.work.mkdir(parents=True, exist_ok=True)
    write_jsonl(plan.work / "sft.jsonl", map(training_row, rows))
    return len(rows)


def _fit(plan: Plan) -> Any:
    """Step 3: the last checkpoint of a finished training."""
    import ray.train
    import torch
    from ray.train.torch import TorchTrainer

    logging.getLogger("ray.train").setLevel(logging.ERROR)
    trainer = TorchTrainer(
        fit,
        train_loop_config=_fit_plan(plan),
        scaling_config=ray.train.ScalingConfig(num_workers=1, use_gpu=torch.cuda.is_available()),
        run_config=ray.train.RunConfig(
            name="fit",  # the same name and place: Ray Train goes on where a killed run of this plan was
            storage_path=str(plan.work),
            checkpoint_config=ray.train.CheckpointConfig(num_to_keep=1),
            worker_runtime_env={"env_vars": _THREADS},  # type: ignore[call-arg]  # typed as version 1's
        ),
    )
    try:
        result = trainer.fit()
    except Exception as error:
        raise InfrastructureError(
            f"training of {plan.version} broke off: {str(error)[-500:]}: run `feedwheel train` again, it goes on from "
            "its last checkpoint"
        ) from error
    return result.checkpoint


def _fit_plan(plan: Plan) -> dict[str, Any]:

    training = plan.training
    values: dict[str, Any] = msgspec.to_builtins(
        FitPlan(
            base=str(plan.base),
            rows=str(plan.work / "sft.jsonl"),
            progress=str(plan.work / "progress.jsonl"),
            epochs=training.epochs,
            batch_size=training.batch_size,
            learning_rate=training.learning_rate,
            lora_rank=training.lora_rank,
            lora_alpha=training.lora_alpha,
            seed=training.seed,
            max_length=training.max_length,
            checkpoint_steps=_CHECKPOINT_STEPS,
        )
    )
    return values


def _keep_adapter(checkpoint: Any, target: Path) -> None:
    target.mkdir()
    with checkpoint.as_directory() as folder:
        for name in _ADAPTER_FILES:
            shutil.copy2(Path(folder) / CHECKPOINT / name, target / name)


def _make_known(
    context: Context, tracking: Tracking, plan: Plan, mlflow_run_id: str, watched: _Watched
) -> TrainedModel:
    """Step 5, the row of ops/models last."""
    model = TrainedModel(
        model_version=plan.version,
        app=plan.app,
        dataset_id=plan.manifest.dataset_id,
        content_hash=plan.manifest.content_hash,
        base_digest=plan.base_digest,
        adapter_digest=file_digest(plan.adapter / _ADAPTER_FILES[0]),
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
