"""Parity: whether an exported artefact says what the weights it came from say.

In: a model in PyTorch, its artefact, golden prompts. Out: figures over every token of PyTorch's greedy answers: both
models are given the same text so far and asked for the next token.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import msgspec
import numpy as np
from feedwheel_capture.events import ModelRef
from numpy.typing import NDArray

from feedback.labels import Message
from pipelines.export import Precision
from pipelines.io.models import local_path
from schemas.adapter import ADAPTER_BASE, ADAPTER_CONFIG, ADAPTER_WEIGHTS, ADAPTERS, adapter_arrays, adapter_widths

GOLDEN_PROMPTS: Final = 16
_ANSWER_TOKENS: Final = 12
"""Some hundred tokens in all: enough to see a broken export. Whether a coarse one is worse, the gate sees."""

MIN_TOKEN_AGREEMENT: Final[dict[Precision, float]] = {"fp32": 0.99, "fp16": 0.97, "int8": 0.9, "int4": 0.75}
"""Below it an export is broken rather than coarse. Seen on finetuned models: int8 .98 and more, int4 .88 of answers."""

_CPU: Final = ["CPUExecutionProvider"]
_CUDA: Final = ["CUDAExecutionProvider", *_CPU]

Logits = NDArray[np.float32]


class Parity(msgspec.Struct, frozen=True, kw_only=True):
    """`token_agreement`: share of positions where both choose the same token.

    Differences are of the log-probability of the token that PyTorch chose.
    """

    positions: int
    token_agreement: float
    mean_difference: float
    max_difference: float


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
                torch.tensor([prompt]), max_new_tokens=_ANSWER_TOKENS, do_sample=False, use_cache=True
            )[0]
            logits = self.model(made[None]).logits[0, len(prompt) - 1 : -1]
        return made[len(prompt) :].tolist(), _log_softmax(logits.numpy())


class Onnx:
    """An artefact in ONNX Runtime, one text at a time; an adapter in its base model's graph."""

    def __init__(self, artefact: Path, precision: Precision) -> None:
        import onnxruntime

        directory = _graph_of(artefact)
        config = msgspec.json.decode((directory / "genai_config.json").read_bytes())["model"]["decoder"]
        self._shape = (1, config["num_key_value_heads"], 0, config["head_size"])
        options = onnxruntime.SessionOptions()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            directory / config["filename"], options, providers=_CUDA if precision == "fp16" else _CPU
        )
        self._past = [(given.name, given.type) for given in self._session.get_inputs() if given.name.startswith("past")]
        self._adapter = _adapter_inputs(artefact, self._session) if directory != artefact else {}

    def log_probabilities(self, prompt: list[int], answer: list[int]) -> Logits:
        """Log-probabilities of each token of `answer` given everything before it: float32 [tokens, vocabulary]."""
        cache: list[NDArray[Any]] = [
            np.zeros(self._shape, np.float16 if "float16" in kind else np.float32) for _, kind in self._past
        ]
        rows, seen, tokens = list[Logits](), 0, prompt
        for following in answer:
            seen += len(tokens)
            given = {"input_ids": np.array([tokens]), "attention_mask": np.ones((1, seen), np.int64)}
            past = {name: value for (name, _), value in zip(self._past, cache, strict=True)}
            logits, *cache = self._session.run(None, {**given, **past, **self._adapter})
            rows.append(logits[0, -1].astype(np.float32))
            tokens = [following]
        return _log_softmax(np.stack(rows))


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


def compare(torch: Torch, artefact: Path, precision: Precision, golden: list[list[Message]]) -> Parity:
    """Parity over the greedy answers to the golden prompts."""
    onnx = Onnx(artefact, precision)
    agreed, differences = list[bool](), list[float]()
    for messages in golden:
        prompt = torch.encode(messages)
        answer, wanted = torch.answer(prompt)
        found = onnx.log_probabilities(prompt, answer)
        agreed += (found.argmax(axis=-1) == wanted.argmax(axis=-1)).tolist()
        chosen = np.array(answer)[:, None]
        differences += np.abs(np.take_along_axis(found - wanted, chosen, axis=-1))[:, 0].tolist()
    return Parity(
        positions=len(agreed),
        token_agreement=sum(agreed) / len(agreed),
        mean_difference=sum(differences) / len(differences),
        max_difference=max(differences),
    )
