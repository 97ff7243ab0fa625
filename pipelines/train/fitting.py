"""Fitting: the rows of a plan to its adapter, on Ray Train.

In: a plan and its rows. Out: the adapter in the plan's model folder, whole or not there, and what the worker told. The
steps, numbered as in the code:

1. write the rows for the workers, in a fixed order;
2. fit on Ray Train, from the newest checkpoint if a run of this plan was killed;
3. keep the adapter of the last checkpoint.
"""

import logging
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from pipelines.context import Context
from pipelines.dataset.rows import training_row, write_jsonl
from pipelines.io.models import build_once
from pipelines.io.ray import ray_session
from pipelines.train.plan import ADAPTER_FILES, Plan
from pipelines.train.progress import Progress, follow, seconds_left
from pipelines.train.worker import CHECKPOINT, FitPlan, fit
from schemas.errors import InfrastructureError

_LOG: Final = logging.getLogger("pipelines.train")
_CHECKPOINT_STEPS: Final = 20
"""Some 30 s of work on two cores: what a killed run has to do again at most."""
_THREADS: Final = {"OMP_NUM_THREADS": str(os.cpu_count() or 1), "OMP_WAIT_POLICY": "PASSIVE"}
"""Ray would give a worker one thread for each CPU it reserves. Threads that spin while they wait take the cores from
those that serve: beside other work a step took up to ten times as long."""


@dataclass(slots=True)
class Watched:
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


def fitted(context: Context, plan: Plan, rows: Sequence[Mapping[str, Any]]) -> Watched:
    """Fit the adapter of a plan. `rows`: of gold/datasets/examples, in an order that no run changes.

    Raises InfrastructureError if the training broke off.
    """
    plan.work.mkdir(parents=True, exist_ok=True)
    write_jsonl(plan.work / "sft.jsonl", map(training_row, rows))  # 1
    watched = Watched()
    with ray_session(context.settings), follow(plan.work / "progress.jsonl", watched.take):
        checkpoint = _fit(plan)  # 2
    build_once(plan.model, lambda unfinished: _keep_adapter(checkpoint, unfinished / "adapter"))  # 3
    return watched


def _fit(plan: Plan) -> Any:
    """Step 2: the last checkpoint of a finished training."""
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
            f"training of {plan.version} broke off: {str(error)[-500:]}: run it again, it goes on from "
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
        for name in ADAPTER_FILES:
            shutil.copy2(Path(folder) / CHECKPOINT / name, target / name)
