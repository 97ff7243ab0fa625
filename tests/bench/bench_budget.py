"""The budget: how good models become that were trained on a quarter and a half of the examples, by how they were drawn.

For each seed the wheel turns twice. People send real messages of a bank's customers to the base model, whose answers
are wrong; what they say is curated, and a first model is trained on it. Others send messages to that one. Then
everything is curated, and for each budget the base model is trained twice: on examples drawn by label confidence alone,
and drawn by confidence times importance (`feedback.importance`). Both are asked the same test messages.

Real: extract, validation, curation, base model, LoRA, loss and batches. Not: Kafka, serving and Ray Train. A model
answers right if each token of the topic, and the end, is its most likely next one, as greedy decoding has it; else
people are shown words that are no topic. Nobody evaluates, so all train; three epochs, so that few examples are learnt.

    OMP_WAIT_POLICY=PASSIVE python -m tests.bench.bench_budget [--seeds 5] [--first-seed 1] [--messages 120 400]
"""

import argparse
import logging
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import torch
from datasets import Dataset
from peft import LoraConfig
from scipy import stats
from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback
from transformers.utils.logging import disable_progress_bar
from trl import SFTConfig

from feedback.importance import Example
from pipelines import base_model
from pipelines.context import Context
from pipelines.curate.evidence import read_admitted
from pipelines.curate.steps import decided, labelled
from pipelines.dataset.rows import training_row
from pipelines.io.lake import Lake
from pipelines.io.ray import ray_session
from pipelines.settings import Settings
from pipelines.simulate.messages import LabelledMessage
from pipelines.stack.paths import REPOSITORY
from pipelines.train.packing import IGNORED, pack
from pipelines.train.weighted import WeightedSFTTrainer
from schemas.config import Config, Training
from tests.conftest import TEST_SECRETS, SettableClock
from tests.events import APP
from tests.people import Town, messages

SHARES: Final = (0.25, 0.5)
EPOCHS: Final = 3
NO_TOPIC: Final = "I do not know."
_ASKED_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True)
class Learner:
    """Trains the base model and asks what comes of it, in this process."""

    base: Path
    work: Path
    prompt: str
    training: Training

    def right(self, rows: Sequence[Mapping[str, Any]], asked: Sequence[LabelledMessage]) -> list[bool]:
        """Whether the base model, trained on rows of gold, answers each message with its topic."""
        tokenizer = AutoTokenizer.from_pretrained(self.base)
        trained = self._trained(tokenizer, rows)
        found = list[bool]()
        for start in range(0, len(asked), _ASKED_AT_ONCE):
            found += _greedy(trained, [self._tokens(tokenizer, each) for each in asked[start : start + _ASKED_AT_ONCE]])
        return found

    def _trained(self, tokenizer: Any, rows: Sequence[Mapping[str, Any]]) -> Any:
        """As `pipelines.train.worker` does it, without Ray and checkpoints."""
        given = self.training
        arguments = SFTConfig(
            output_dir=str(self.work),
            num_train_epochs=EPOCHS,
            per_device_train_batch_size=given.batch_size,
            learning_rate=given.learning_rate,
            max_length=given.max_length,
            seed=given.seed,
            use_cpu=True,
            bf16=True,
            activation_checkpointing=False,
            logging_strategy="no",
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
        )
        columns = [{name: row[name] for name in ("prompt", "completion", "weight")} for row in map(training_row, rows)]
        trainer = WeightedSFTTrainer(
            AutoModelForCausalLM.from_pretrained(self.base, dtype=torch.float32),
            args=arguments,
            train_dataset=Dataset.from_list(columns),
            processing_class=tokenizer,
            data_collator=pack,
            peft_config=LoraConfig(
                r=given.lora_rank, lora_alpha=given.lora_alpha, target_modules="all-linear", task_type="CAUSAL_LM"
            ),
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
        return trainer.model.merge_and_unload().eval()

    def _tokens(self, tokenizer: Any, message: LabelledMessage) -> dict[str, list[int]]:
        """The message and its topic; the labels are the topic's tokens and the end."""
        thread = [{"role": "system", "content": self.prompt}, {"role": "user", "content": message.text}]
        answer = [{"role": "assistant", "content": message.topic}]
        asked = tokenizer.apply_chat_template(thread, add_generation_prompt=True, return_dict=False)
        whole = tokenizer.apply_chat_template(thread + answer, return_dict=False)
        whole = whole[: whole.index(tokenizer.eos_token_id, len(asked)) + 1]
        return {"input_ids": whole, "labels": [IGNORED] * len(asked) + whole[len(asked) :]}


def _greedy(model: Any, examples: Sequence[Mapping[str, list[int]]]) -> list[bool]:
    """Whether each labelled token of an example is the most likely one."""
    batch = pack([{**example, "weight": number} for number, example in enumerate(examples)])
    seen = {name: batch[name] for name in ("input_ids", "position_ids", "attention_mask")}
    with torch.inference_mode():
        logits = model(**seen, use_cache=False, logits_to_keep=batch["predicting"]).logits[0]
    hit = logits.argmax(-1) == batch["targets"]
    return [bool(hit[batch["weights"] == number].all()) for number in range(len(examples))]


def curated(context: Context, town: Town) -> list[dict[str, Any]]:
    """Labelled rows of everything that was said so far."""
    town.curate()
    return labelled(read_admitted(context, APP).conversations, context.config)


def wanted(rows: Sequence[dict[str, Any]], config: Config, budget: int | None, *, important: bool) -> list[Any]:
    """The rows of sft that stay."""
    limits = config.curation.model_copy(update={"max_examples": budget})
    with nullcontext() if important else patch("feedback.select.weighted", _by_confidence):
        kept = decided([dict(row) for row in rows], config.model_copy(update={"curation": limits})).kept.to_pylist()
    return [row for row in kept if row["use"] == "sft"]


def _by_confidence(examples: Sequence[Example], judgements: Any) -> list[float]:
    return [example.quality for example in examples]


def turns(seed: int, topics: int, sizes: Sequence[int], home: Path) -> dict[float, list[float]]:
    """Accuracy on the test messages by budget: drawn by confidence, then by importance too."""
    settings = Settings(home=home / f"seed-{seed}", config_path=REPOSITORY / "feedwheel.toml", **TEST_SECRETS)
    clock, config = SettableClock(), settings.config()
    config = config.model_copy(update={"split": config.split.model_copy(update={"eval_share": 1e-6})})
    context = Context(settings, config, Lake(settings.lake_url), clock)
    base = base_model.torch_dir(Context(settings.model_copy(update={"home": home}), config, context.lake, clock))
    learner = Learner(base, home / "work", config.app(APP).prompt, config.training)
    town = Town(context, people=120, seed=seed, tick=lambda: clock.advance(minutes=1))
    everything = messages(topics, seed=seed)
    sent, sent_next = everything[: sizes[0]], everything[sizes[0] : sum(sizes[:2])]
    tests = messages(topics, split="test")[: sizes[2]]

    town.talk(sent, lambda text: NO_TOPIC)
    first = wanted(curated(context, town), config, None, important=False)
    right = learner.right(first, sent_next)
    shown = {each.text: each.topic if is_right else NO_TOPIC for each, is_right in zip(sent_next, right, strict=True)}
    town.model_version = "trained-1"
    town.talk(sent_next, shown.__getitem__)
    rows = curated(context, town)
    count = len(wanted(rows, config, None, important=True))
    print(f"seed {seed}: first model right {statistics.fmean(right):.3f}; {count} examples", flush=True)
    found = dict[float, list[float]]()
    for share in SHARES:
        budget, found[share] = round(share * count), []
        kept = [wanted(rows, config, budget, important=important) for important in (False, True)]
        for sample in kept:
            found[share].append(statistics.fmean(learner.right(sample, tests)))
        same = len({row["example_id"] for row in kept[0]} & {row["example_id"] for row in kept[1]})
        newer = [Counter(row["model_version"] for row in sample)["trained-1"] for sample in kept]
        print(
            f"  budget {budget}, {same} in both, about the newer model's answers {newer}: right "
            + ", ".join(f"{value:.3f}" for value in found[share]),
            flush=True,
        )
    return found


def main() -> None:
    """Print each seed, and for each budget the mean paired difference with its interval."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--topics", type=int, default=10)
    parser.add_argument("--messages", type=int, nargs=2, default=(120, 400), help="of the first turn and the second")
    parser.add_argument("--tests", type=int, default=200)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    disable_progress_bar()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-budget-") as home, ray_session(Settings()):
        seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
        sizes = (*arguments.messages, arguments.tests)
        found = [turns(seed, arguments.topics, sizes, Path(home)) for seed in seeds]
    for share in SHARES:
        plain, important = ([of_seed[share][place] for of_seed in found] for place in (0, 1))
        differences = [after - before for before, after in zip(plain, important, strict=True)]
        print(
            f"budget {share:.0%}: by confidence {statistics.fmean(plain):.3f}, by importance too "
            f"{statistics.fmean(important):.3f}; difference {interval(differences)}"
        )
    print(f"{time.monotonic() - started:.0f} s")


def interval(values: Sequence[float]) -> str:
    """Mean and its 95 % interval (Student's t)."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return f"{mean:+.3f}"
    half = stats.t.ppf(0.975, len(values) - 1) * statistics.stdev(values) / len(values) ** 0.5
    return f"{mean:+.3f} ({mean - half:+.3f} to {mean + half:+.3f}), n = {len(values)}"


if __name__ == "__main__":
    main()
