"""Short texts to vectors: the weighted mean of what each token means, taught to place texts as a large model does.

In: texts. Out: vectors whose cosine says how near texts are in meaning. The weights are plain arrays: a table of token
vectors (int8, a scale for each row), the weight of each token, and a projection (Arora et al., "A simple but
tough-to-beat baseline for sentence embeddings", 2017, with weights that are learned). Attention over the tokens took
more than half of the time of a score, for nothing that can be measured on DBDC3 and .004 of AUC on USS.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from schemas.errors import UsageError

Vectors = NDArray[np.float32]
Weights = Mapping[str, NDArray[Any]]
"""By name, see `pipelines.satisfaction.distil`: float32 but for the table."""

MAX_TOKENS: Final = 64
"""Read of a text: what the weights were trained on; the beginning of a long answer says what it is about."""
_MAX_CHARS: Final = MAX_TOKENS * 6
"""Tokenised of a text: tokens of English have five characters with their blank, and each more costs time."""
_EPSILON: Final = 1e-5
"""Shortest length that is divided by."""


@dataclass(frozen=True, slots=True, eq=False)
class Encoder:
    """`tokens` reads text."""

    tokens: Tokenizer
    weights: Weights

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of length 1, float32 [texts, dimensions]; 0 for a text without any token."""
        read = self.tokens.encode_batch_fast([text[:_MAX_CHARS] for text in texts], add_special_tokens=False)
        ids = [encoded.ids[:MAX_TOKENS] for encoded in read]
        known = [n for n in range(len(ids)) if ids[n]]
        found = np.zeros((len(texts), self.weights["out.bias"].shape[0]), np.float32)
        if known:
            found[known] = self.of_tokens([ids[n] for n in known])
        return found

    def of_tokens(self, ids: Sequence[Sequence[int]]) -> Vectors:
        """ids: texts of at least a token each. Their tokens stand one after the other, so nothing is padded."""
        weights = self.weights
        lengths = np.array([len(text) for text in ids])
        starts = np.cumsum(lengths) - lengths
        tokens = np.concatenate([np.asarray(text, np.int64) for text in ids])
        share = weights["share"][tokens][:, None]
        summed = np.add.reduceat(weights["table"][tokens] * (weights["table.scale"][tokens][:, None] * share), starts)
        vectors = (summed / np.add.reduceat(share, starts)) @ weights["out.weight"] + weights["out.bias"]
        unit: Vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(_EPSILON))
        return unit


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
