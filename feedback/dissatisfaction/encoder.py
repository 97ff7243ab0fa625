"""Short texts to vectors: one small layer that was taught to place texts as a large sentence model does.

In: texts. Out: vectors whose cosine says how near texts are in meaning. The weights are plain arrays: a table of token
vectors (int8, a scale for each row), one attention layer, one feed-forward layer, a weighted mean over tokens and a
projection (the layout of Vaswani et al., "Attention is all you need", 2017, normalised before each part).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController
from tokenizers import Tokenizer

from schemas.errors import UsageError

Vectors = NDArray[np.float32]
Weights = Mapping[str, NDArray[Any]]
"""By name, see `pipelines.satisfaction.distil`: float32 but for the table."""

MAX_TOKENS: Final = 64
"""Read of a text: what the weights were trained on; the beginning of a long answer says what it is about."""
HEADS: Final = 4
_MAX_CHARS: Final = MAX_TOKENS * 16
"""Tokenised of a text: more than its first tokens can hold of any language with words."""
_BATCH: Final = 64
_EPSILON: Final = 1e-5
"""In both normalisations, as in training."""


@dataclass(frozen=True, slots=True, eq=False)
class Encoder:
    """`tokens` reads text."""

    tokens: Tokenizer
    weights: Weights

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of length 1, float32 [texts, dimensions]; 0 for a text without any token."""
        read = self.tokens.encode_batch([text[:_MAX_CHARS] for text in texts], add_special_tokens=False)
        ids = [encoded.ids[:MAX_TOKENS] for encoded in read]
        found = np.zeros((len(texts), self.weights["out.bias"].shape[0]), np.float32)
        by_length = sorted((n for n in range(len(ids)) if ids[n]), key=lambda n: len(ids[n]))
        # These products are small: a second thread costs more than it brings, and may change their last bits.
        with _libraries().limit(limits=1, user_api="blas"):
            for start in range(0, len(by_length), _BATCH):
                batch = by_length[start : start + _BATCH]
                found[batch] = self._encoded([ids[n] for n in batch])
        return found

    def _encoded(self, ids: Sequence[Sequence[int]]) -> Vectors:
        """ids: texts of at least a token each. Their tokens stand one after the other: only attention needs padding."""
        weights = self.weights
        lengths = np.array([len(text) for text in ids])
        starts = np.cumsum(lengths) - lengths
        tokens = np.concatenate([np.asarray(text, np.int64) for text in ids])
        places = np.arange(len(tokens)) - np.repeat(starts, lengths)
        state: Vectors = (
            weights["table"][tokens] * weights["table.scale"][tokens][:, None] + weights["position"][places]
        )
        state = state + self._attended(_normalised(state, weights, "norm1"), lengths)
        hidden: Vectors = np.maximum(_linear(_normalised(state, weights, "norm2"), weights, "expand"), 0)
        state = state + _linear(hidden, weights, "contract")
        share = weights["share"][tokens][:, None]
        sums: Vectors = np.add.reduceat(state * share, starts)
        means = sums / np.add.reduceat(share, starts)
        vectors = _linear(means.astype(np.float32), weights, "out")
        norms = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), _EPSILON)
        unit: Vectors = (vectors / norms).astype(np.float32)
        return unit

    def _attended(self, state: Vectors, lengths: NDArray[np.int64]) -> Vectors:
        """state: float32 [tokens, width], of texts of these lengths: each attends to its own tokens."""
        width = state.shape[1]
        mask = np.arange(lengths.max()) < lengths[:, None]  # [texts, longest]
        padded = np.zeros((*mask.shape, 3 * width), np.float32)
        padded[mask] = _linear(state, self.weights, "attend")
        parts = padded.reshape(*mask.shape, 3, HEADS, width // HEADS).transpose(2, 0, 3, 1, 4)
        query, key, value = parts  # each [texts, heads, longest, width / heads]
        scores = query @ key.transpose(0, 1, 3, 2) / np.float32(np.sqrt(width // HEADS))
        shares = np.exp(scores - scores.max(-1, keepdims=True)) * mask[:, None, None, :]
        shares /= shares.sum(-1, keepdims=True)
        mixed = (shares @ value).transpose(0, 2, 1, 3).reshape(*mask.shape, width)[mask]
        return _linear(mixed, self.weights, "mix")


def load_encoder(folder: Path) -> Encoder:
    """The encoder in a folder. Raises UsageError."""
    with readable(folder):
        with np.load(folder / "encoder.npz") as stored:
            weights = {name: stored[name] for name in stored.files}
        tokens = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokens.no_padding()  # as published it fills every text up
    tokens.no_truncation()
    return Encoder(tokens, weights)


@contextmanager
def readable(folder: Path) -> Iterator[None]:
    """Let what is missing or no array be bad usage: raises UsageError."""
    try:
        yield
    except Exception as error:  # a tokenizer that is none raises nothing narrower
        raise UsageError(f"{folder} holds no weights that can be read ({error}): name what a training wrote") from error


@cache
def _libraries() -> ThreadpoolController:
    """The libraries of linear algebra in this process: finding them takes longer than encoding a text."""
    return ThreadpoolController()


def _linear(x: Vectors, weights: Weights, name: str) -> Vectors:
    result: Vectors = x @ weights[f"{name}.weight"] + weights[f"{name}.bias"]
    return result


def _normalised(x: Vectors, weights: Weights, name: str) -> Vectors:
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + np.float32(_EPSILON))
    result: Vectors = scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]
    return result
