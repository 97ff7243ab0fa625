"""Topics: what people ask about, as groups of texts that lie together by meaning.

In: texts. Out: the number of each text's topic. Spherical k-means (Dhillon and Modha, "Concept decompositions for large
sparse text data using clustering", 2001), started as k-means++ does (Arthur and Vassilvitskii, 2007), from draws that
are always the same: equal texts give equal topics in any order (I3). Topics have no names.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from feedback.meaning import Meanings, meanings

_MOST: Final = 64
"""Topics that there can be: with more, a floor of a budget would be an example or two."""
_FITTED: Final = 4_096
"""Texts that say where topics lie: with all, time would grow with texts and topics."""
_ROUNDS: Final = 10
"""After which hardly any text changes its topic."""
_AT_ONCE: Final = 4_096


def topics(texts: Sequence[str]) -> list[int]:
    """Topic of each text: of n different ones, the square root of n / 2, at most 64."""
    if not texts:
        return []
    unique = sorted(set(texts))
    vectors = meanings(unique)
    sample = vectors[:: math.ceil(len(unique) / _FITTED)]
    centres = _fitted(sample, min(_MOST, max(1, math.isqrt(len(unique) // 2))))
    topic_of = dict(zip(unique, _nearest(vectors, centres).tolist(), strict=True))
    return [topic_of[text] for text in texts]


def _fitted(vectors: Meanings, count: int) -> Meanings:
    centres = _spread_out(vectors, count)
    for _ in range(_ROUNDS):
        nearest = _nearest(vectors, centres)
        summed = np.zeros_like(centres)
        np.add.at(summed, nearest, vectors)
        lengths = np.linalg.norm(summed, axis=1, keepdims=True)
        centres = np.where(lengths > 0, summed / np.maximum(lengths, np.finfo(np.float64).tiny), centres)
    return centres


def _spread_out(vectors: Meanings, count: int) -> Meanings:
    """Texts to start from as centres, each drawn with a probability that grows with its distance to those before."""
    draws = np.random.Philox(key=0).random_raw(count) / 2**64
    distances, chosen = np.ones(len(vectors)), list[int]()
    for draw in draws.tolist():
        cumulated = np.cumsum(distances)
        chosen.append(min(int(np.searchsorted(cumulated, draw * cumulated[-1], side="right")), len(vectors) - 1))
        distances = np.minimum(distances, np.maximum(0.0, 1 - vectors @ vectors[chosen[-1]]))
    return vectors[chosen]


def _nearest(vectors: Meanings, centres: Meanings) -> NDArray[np.int64]:
    parts = (vectors[start : start + _AT_ONCE] @ centres.T for start in range(0, len(vectors), _AT_ONCE))
    return np.concatenate([np.argmax(part, axis=1) for part in parts])
