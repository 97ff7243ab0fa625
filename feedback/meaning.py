"""Meaning: vectors that place texts which say alike near each other, the same on every machine.

In: texts. Out: the vectors of the shipped encoder, computed in double precision: what is told by comparing them comes
out the same wherever it is computed (I3). The encoder learned English; what it says of other languages is coarse.
"""

from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from feedback.dissatisfaction.encoder import Encoder
from feedback.dissatisfaction.model import shipped_model

Meanings = NDArray[np.float64]

_TEXTS_AT_ONCE: Final = 1_000


def meanings(texts: Sequence[str]) -> Meanings:
    """Vectors of length 1, float64 [texts, dimensions]; 0 for a text without any token."""
    parts = [_encoder().encode(texts[start : start + _TEXTS_AT_ONCE]) for start in range(0, len(texts), _TEXTS_AT_ONCE)]
    return np.concatenate([_encoder().encode([]), *parts]).astype(np.float64)


@cache
def _encoder() -> Encoder:
    shipped = shipped_model().encoder
    precise = {
        name: array.astype(np.float64) if array.dtype == np.float32 else array
        for name, array in shipped.weights.items()
    }
    return Encoder(shipped.tokens, precise)
