"""Parity: whether an exported artefact says what the weights it came from say.

In: a model in PyTorch, its artefact, golden examples. Out: figures over every token of PyTorch's greedy answers, for
which both models are given the same text so far and asked for the next token; and how many right answers were lost.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, Self

import msgspec
import numpy as np
from feedwheel_capture.events import ModelRef
from numpy.typing import NDArray

from feedback.gate import is_right
from feedback.labels import Message
from feedback.statistics import Interval, mean_interval
from pipelines.export import Precision
from pipelines.io.models import local_path
from schemas.adapter import ADAPTER_BASE, ADAPTER_CONFIG, ADAPTER_WEIGHTS, ADAPTERS, adapter_arrays, adapter_widths
from schemas.machine import session_settings

GOLDEN_EXAMPLES: Final = 32
_ANSWER_TOKENS: Final = 12
"""Some hundred tokens in all are enough to see a broken export. Of so many answers, seven lost are a certain loss;
whether a coarse export is worse than the champion, the gate sees."""
_ALPHA: Final = 0.05

MIN_TOKEN_AGREEMENT: Final[dict[Precision, float]] = {"fp32": 0.99, "fp16": 0.97, "int8": 0.9, "int4": 0.75}
"""Below it an export is broken rather than coarse. Seen on finetuned models: int8 .98 and more, int4 .88 of answers."""

_CPU: Final = ["CPUExecutionProvider"]
_CUDA: Final = ["CUDAExecutionProvider", *_CPU]

Logits = NDArray[np.float32]


class Golden(msgspec.Struct, frozen=True):
    """What an export is tried on, and what is wanted there."""

    prompt: list[Message]
    completion: str


class Parity(msgspec.Struct, frozen=True, kw_only=True):
    """`token_agreement`: share of positions where both choose the same token.

    Differences are of the log-probability of the token that PyTorch chose. `accuracy`: share of PyTorch's answers that
    are right; `accuracy_change`: the artefact's minus that, over answers, with a 95 % interval.
    """

    positions: int
    token_agreement: float
    mean_difference: float
    max_difference: float
    accuracy: float
    accuracy_change: Interval

    @property
    def is_worse(self) -> bool:
        """Whether right answers were certainly lost."""
        return self.accuracy_change.high < 0


@dataclass(frozen=True, slots=True)
class Torch:
    """A model in PyTorch with its tokenizer."""

    model: Any
    tokenizer: Any

    @classmethod
    def merged(cls, base: Path, adapter: Path) -> Self:
        """The base model with the adapter in its weights."""
        import torch
        from peft import PeftModel
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()
        tokenizer = AutoTokenizer.from_pretrained(base)
        model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        model = PeftModel.from_pretrained(model, adapter).merge_and_unload()
        return cls(model.eval(), tokenizer)

    def save(self, target: Path) -> None:
        """Write it as the exporter reads it."""
        self.model.save_pretrained(target)
        self.tokenizer.save_pretrained(target)

    def encode(self, messages: list[Message]) -> list[int]:
        """Tokens of a prompt, up to where the answer begins."""
        thread = [{"role": message.role, "content": message.content} for message in messages]
        tokens: list[int] = self.tokenizer.apply_chat_template(
            thread, add_generation_prompt=True, tokenize=True, return_dict=False
        )
        return tokens

    def answer(self, prompt: list[int]) -> tuple[list[int], Logits]:
        """Greedy tokens of an answer, and the log-probabilities each was chosen from: float32 [tokens, vocabulary]."""
        import torch

        with torch.no_grad():
            made = self.model.generate(
                torch.tensor([prompt]),
                max_new_tokens=_ANSWER_TOKENS,
                do_sample=False,
                use_cache=True,
                return_dict_in_generate=True,
                output_logits=True,
            )
        logits = torch.cat(made.logits).numpy()
        return made.sequences[0, len(prompt) :].tolist(), _log_softmax(logits)

    @property
    def ends(self) -> frozenset[int]:
        """Tokens that end an answer."""
        ends = self.model.generation_config.eos_token_id
        return frozenset(ends if isinstance(ends, list) else [ends])

    def text(self, answer: list[int]) -> str:
        """What an answer's tokens say."""
        said: str = self.tokenizer.decode(answer, skip_special_tokens=True)
        return said


class Onnx:
    """An artefact in ONNX Runtime, one text at a time; an adapter in its base model's graph."""

    def __init__(self, artefact: Path, precision: Precision) -> None:
        import onnxruntime

        directory = _graph_of(artefact)
        config = msgspec.json.decode((directory / "genai_config.json").read_bytes())["model"]["decoder"]
        self._shape = (1, config["num_key_value_heads"], 0, config["head_size"])
        options = onnxruntime.SessionOptions()
        for name, value in {"session.intra_op.allow_spinning": "0", **session_settings()}.items():
            options.add_session_config_entry(name, value)
        self._session = onnxruntime.InferenceSession(
            directory / config["filename"], options, providers=_CUDA if precision == "fp16" else _CPU
        )
        self._past = [(given.name, given.type) for given in self._session.get_inputs() if given.name.startswith("past")]
        self._adapter = _adapter_inputs(artefact, self._session) if directory != artefact else {}

    def log_probabilities(self, prompt: list[int], answer: list[int]) -> Logits:
        """Log-probabilities of each token of `answer` given everything before it: float32 [tokens, vocabulary]."""
        following = iter(answer)
        steps = self._steps(prompt, lambda logits: next(following))
        return _log_softmax(np.stack([logits for logits, _ in islice(steps, len(answer))]))

    def answer(self, prompt: list[int], ends: frozenset[int]) -> list[int]:
        """Greedy tokens of an answer of its own."""
        made = list[int]()
        for _, token in islice(self._steps(prompt, lambda logits: int(logits.argmax())), _ANSWER_TOKENS):
            made.append(token)
            if token in ends:
                break
        return made

    def _steps(self, prompt: list[int], choose: Callable[[Logits], int]) -> Iterator[tuple[Logits, int]]:
        """Logits of the next token, float32 [vocabulary], and the one that is chosen, without end."""
        cache: list[NDArray[Any]] = [
            np.zeros(self._shape, np.float16 if "float16" in kind else np.float32) for _, kind in self._past
        ]
        seen, tokens = 0, prompt
        while True:
            seen += len(tokens)
            given = {"input_ids": np.array([tokens]), "attention_mask": np.ones((1, seen), np.int64)}
            past = {name: value for (name, _), value in zip(self._past, cache, strict=True)}
            found, *cache = self._session.run(None, {**given, **past, **self._adapter})
            logits = found[0, -1].astype(np.float32)
            tokens = [choose(logits)]
            yield logits, tokens[0]


def _graph_of(artefact: Path) -> Path:
    """The directory with the graph of an artefact: its own, or for an adapter its base model's."""
    base = artefact / ADAPTER_BASE
    return local_path(msgspec.json.decode(base.read_bytes(), type=ModelRef)) if base.exists() else artefact


def _adapter_inputs(adapter: Path, session: Any) -> dict[str, NDArray[Any]]:
    """What a graph is given for its only row: the adapter, and that the row uses it."""
    shapes = {given.name: given.shape for given in session.get_inputs()}
    config, weights = ((adapter / name).read_bytes() for name in (ADAPTER_CONFIG, ADAPTER_WEIGHTS))
    arrays = adapter_arrays(config, weights, adapter_widths(shapes))
    units = len(next(iter(arrays.values())))
    half = any(given.type == "tensor(float16)" for given in session.get_inputs())
    numbers = {name: array.astype(np.float16 if half else np.float32) for name, array in arrays.items()}
    return {ADAPTERS: np.ones((units, 1, 1), np.bool_), **numbers}


def _log_softmax(logits: Logits) -> Logits:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    result: Logits = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result


def compare(torch: Torch, artefact: Path, precision: Precision, golden: list[Golden]) -> Parity:
    """Parity over the greedy answers to golden examples."""
    onnx = Onnx(artefact, precision)
    agreed, differences, was_right, changes = list[bool](), list[float](), list[bool](), list[int]()
    for example in golden:
        prompt = torch.encode(example.prompt)
        answer, wanted = torch.answer(prompt)
        found = onnx.log_probabilities(prompt, answer)
        alike = found.argmax(axis=-1) == wanted.argmax(axis=-1)
        agreed += alike.tolist()
        chosen = np.array(answer)[:, None]
        differences += np.abs(np.take_along_axis(found - wanted, chosen, axis=-1))[:, 0].tolist()
        was_right.append(is_right(torch.text(answer), example.completion))
        # Where every token is the same, so is the artefact's own answer.
        own = answer if alike.all() else onnx.answer(prompt, torch.ends)
        changes.append(is_right(torch.text(own), example.completion) - was_right[-1])
    return Parity(
        positions=len(agreed),
        token_agreement=sum(agreed) / len(agreed),
        mean_difference=sum(differences) / len(differences),
        max_difference=max(differences),
        accuracy=sum(was_right) / len(was_right),
        accuracy_change=mean_interval(np.array(changes, np.float64), _ALPHA, bounds=(-1.0, 1.0)),
    )
