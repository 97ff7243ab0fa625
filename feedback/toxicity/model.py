"""The model: logistic regression over hashed words, pairs of words, and pieces of words, of the worst passage.

In: a text. Out: P(toxic), 0..1. Pieces of four letters see through endings and misspelling.
"""

import hashlib
import math
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

SHIPPED: Final = Path(__file__).parent / "weights.npz"
"""The weights that come with Feedwheel; CARD.md beside them says what they were trained on."""
BUCKETS: Final = 1 << 15
"""Of hashed features: with twice as many the AUC on held-out tweets differs by less than .001."""
_PIECE_CHARS: Final = 4
_MAX_WORDS: Final = 50
"""Of a passage: in a longer one an insult would be one of too many words."""
_MAX_CHARS: Final = 20_000
"""Read of a text."""
_WORD: Final = re.compile(r"[^\W_]+(?:'[a-z]+)?")
_NOISE: Final = re.compile(r"https?://\S{1,500}|@\w{1,50}|&#?\w{1,8};")
_END: Final = re.compile(r"(?<=[.!?])\s+|\n")


def features(text: str) -> list[int]:
    """Buckets of a passage in ascending order, each once."""
    words = _WORD.findall(_NOISE.sub(" ", text.lower()))
    return sorted({zlib.crc32(gram.encode()) % BUCKETS for gram in _grams(words)})


def _grams(words: list[str]) -> Iterator[str]:
    yield from words
    yield from (f"{one} {other}" for one, other in pairwise(words))
    for word in frozenset(words):
        padded = f"_{word}_"
        yield from (f"#{padded[n : n + _PIECE_CHARS]}" for n in range(len(padded) - _PIECE_CHARS + 1))


@dataclass(frozen=True, slots=True, eq=False)
class ToxicityModel:
    """weights: float16 [BUCKETS]. A passage of n features has log-odds bias + sum of their weights / sqrt(n)."""

    version: str
    weights: NDArray[np.float16]
    bias: float

    @classmethod
    def load(cls, path: Path = SHIPPED) -> "ToxicityModel":
        """The model in a file."""
        with np.load(path) as stored:
            weights, bias = stored["weights"], float(stored["bias"])
        content = weights.tobytes() + np.float64(bias).tobytes()
        return cls(hashlib.sha256(content).hexdigest()[:12], weights, bias)

    def p_toxic(self, text: str) -> float:
        """Of the worst passage of a text; 0 for a text without words."""
        odds = max(map(self._log_odds, passages(text)), default=-math.inf)
        return 1 / (1 + math.exp(-odds)) if odds > -700 else 0.0

    def _log_odds(self, passage: str) -> float:
        found = features(passage)
        if not found:
            return -math.inf
        return self.bias + float(self.weights[found].astype(np.float64).sum()) / math.sqrt(len(found))


def passages(text: str) -> Iterator[str]:
    """Sentences and lines of a text, long ones in parts."""
    for sentence in _END.split(text[:_MAX_CHARS]):
        words = sentence.split()
        for start in range(0, len(words), _MAX_WORDS):
            yield " ".join(words[start : start + _MAX_WORDS])


@cache
def shipped_toxicity() -> ToxicityModel:
    """The model that comes with Feedwheel, read once in a process."""
    return ToxicityModel.load()
