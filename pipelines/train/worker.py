"""The work of a Ray Train worker: LoRA on the base model by TRL, from the newest checkpoint if there is one.

In: a `FitPlan` as plain values. Out: checkpoints reported to Ray Train, the last of which holds the finished adapter,
and lines of progress. Seeded: the same plan gives the same adapter on the same machine, interrupted or not.
"""

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from pipelines.train.progress import Progress, ProgressFile

CHECKPOINT: Final = "checkpoint"
"""Folder of the trainer's files inside a Ray checkpoint, as `RayTrainReportCallback` names it."""
_LOG_STEPS: Final = 5


class FitPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker needs; paths are absolute and reach every worker."""

    base: str
    rows: str
    progress: str
    epochs: float
    batch_size: int
    learning_rate: float
    lora_rank: int
    lora_alpha: int
    seed: int
    max_length: int
    checkpoint_steps: int


def fit(values: dict[str, Any]) -> None:
    """Train to the end of the plan."""
    import ray.train
    from ray.train.huggingface.transformers import prepare_trainer

    plan = msgspec.convert(values, FitPlan)
    warnings.simplefilter("ignore", FutureWarning)  # of libraries about each other
    progress = ProgressFile(Path(plan.progress))
    with tempfile.TemporaryDirectory() as output, _restored(ray.train.get_checkpoint()) as checkpoint:
        trainer = prepare_trainer(_trainer(plan, Path(output), progress))
        trainer.train(resume_from_checkpoint=checkpoint)


@contextmanager
def _restored(checkpoint: Any) -> Iterator[str | None]:
    """The trainer's files of a Ray checkpoint as a local folder."""
    if checkpoint is None:
        yield None
        return
    with checkpoint.as_directory() as folder:
        yield str(Path(folder) / CHECKPOINT)


def _trainer(plan: FitPlan, output: Path, progress: ProgressFile) -> Any:
    import torch
    from peft import LoraConfig
    from ray.train.huggingface.transformers import RayTrainReportCallback
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig

    from pipelines.train.packing import pack
    from pipelines.train.weighted import WeightedSFTTrainer

    tokenizer = AutoTokenizer.from_pretrained(plan.base)
    cuda = torch.cuda.is_available()
    arguments = SFTConfig(
        output_dir=str(output),
        num_train_epochs=plan.epochs,
        per_device_train_batch_size=plan.batch_size,
        learning_rate=plan.learning_rate,
        max_length=plan.max_length,
        seed=plan.seed,
        use_cpu=not cuda,
        bf16=_has_fast_bf16(),
        activation_checkpointing=False,
        logging_steps=_LOG_STEPS,
        save_strategy="steps",
        save_steps=plan.checkpoint_steps,
        save_total_limit=1,
        report_to=[],
        disable_tqdm=True,
    )
    return WeightedSFTTrainer(
        AutoModelForCausalLM.from_pretrained(plan.base, dtype=torch.float32),
        args=arguments,
        train_dataset=_dataset(plan, tokenizer, progress),
        processing_class=tokenizer,
        data_collator=pack,
        peft_config=LoraConfig(
            r=plan.lora_rank, lora_alpha=plan.lora_alpha, target_modules="all-linear", task_type="CAUSAL_LM"
        ),
        callbacks=[_telling(progress), RayTrainReportCallback()],  # type: ignore[no-untyped-call]  # Ray's is bare
    )


def _has_fast_bf16() -> bool:
    """Whether bfloat16 halves the time of a step: on recent GPUs, and on CPUs with instructions for it."""
    import torch

    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    info = Path("/proc/cpuinfo")  # Linux's word on the processor; PyTorch has none in public
    return info.exists() and "avx512_bf16" in info.read_text()


def _dataset(plan: FitPlan, tokenizer: Any, progress: ProgressFile) -> Any:
    """Rows that fit the model's window: a prompt cut short would teach the answer to another question."""
    from datasets import Dataset

    rows = [msgspec.json.decode(line) for line in Path(plan.rows).read_bytes().splitlines()]
    short = [row for row in rows if len(_tokens(tokenizer, row)) <= plan.max_length]
    progress.tell(Progress(examples=len(short), too_long=len(rows) - len(short)))
    return Dataset.from_list([{name: row[name] for name in ("prompt", "completion", "weight")} for row in short])


def _tokens(tokenizer: Any, row: dict[str, Any]) -> list[int]:
    thread = [*row["prompt"], *row["completion"]]
    tokens: list[int] = tokenizer.apply_chat_template(thread, tokenize=True, return_dict=False)
    return tokens


def _telling(progress: ProgressFile) -> Any:
    """A callback that tells where training begins and each logged step."""
    from transformers import TrainerCallback

    class Telling(TrainerCallback):  # type: ignore[misc]  # transformers ships no types for it
        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            progress.tell(Progress(resumed_at=state.global_step, steps=state.max_steps))

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **_: Any) -> None:
            if "loss" in logs:
                progress.tell(
                    Progress(
                        step=state.global_step,
                        steps=state.max_steps,
                        loss=float(logs["loss"]),
                        learning_rate=float(logs["learning_rate"]),
                    )
                )

    return Telling()
