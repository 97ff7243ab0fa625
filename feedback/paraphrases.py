"""Paraphrases: which texts say the same in other words.

In: rows of English texts, such as a question and its answer. Out: the row in the middle of each row's cluster. Two rows
are the same if each text of one is a paraphrase of its counterpart: the cosine of their vectors is at least a
threshold, and neither denies, asks something else, or names other numbers than the other.

Candidates are found by random hyperplanes (Charikar, "Similarity estimation techniques from rounding algorithms",
2002): two vectors at an angle a lie on one side of a plane with probability 1 - a / pi.
"""

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from feedback.detectors.similarity import QUESTIONS
from feedback.detectors.words import bag
from feedback.meaning import Meanings, meanings
from feedback.minhash import PERMUTATIONS, Pairs, Signatures, meetings
from feedback.near_duplicates import comparable, have_other_numbers, stars

_PLANES: Final = 4
"""To each number of a signature, so 16 to a band: vectors of cosine .95 meet in one of 32 with probability .998."""
_SURELY: Final = 3.5
"""Standard errors below the expected agreement of signatures at which a pair is not looked at."""
_DENYING: Final = bag("not no never cannot t without unable nothing none")
"""As normalised text has them: "t" is of "don't"."""
_TEXTS_AT_ONCE: Final = 1_000


def middles(rows: Sequence[tuple[str, ...]], threshold: float, kinds: Sequence[Hashable] = ()) -> NDArray[np.int64]:
    """Row in the middle of each row's cluster, int64 [rows]; rows are of one length, candidates by their first text.

    kinds: of each row; only rows of one kind are the same. Without any, all are. The order decides between equals.
    """
    if not rows:
        return np.arange(0)
    first, *others = zip(*rows, strict=True)
    column = _Column(first)
    pairs = column.alike(_candidates(column, kinds or [None] * len(rows), threshold), threshold)
    for texts in others:
        met, places = np.unique(pairs, return_inverse=True)
        column = _Column([texts[row] for row in met.tolist()])
        pairs = met[column.alike(places.reshape(pairs.shape), threshold)]
    return stars(np.arange(len(rows)), pairs)


class _Column:
    """Texts, each looked at once however many rows have it; `place` of each row's text, int64 [rows].

    `vectors`, float64 [distinct texts, dimensions]; and numbers that texts of equal words, and of equal sense, share.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        distinct = list(dict.fromkeys(texts))
        self.place = _numbered(texts)
        self.vectors = meanings(distinct)
        self._words = [comparable(text) for text in distinct]
        self._number = _numbered(self._words)
        self._sense = _numbered(map(_sense, self._words))

    def alike(self, pairs: Pairs, threshold: float) -> Pairs:
        """Which pairs of rows say the same."""
        one, other = self.place[pairs].T
        same: NDArray[np.bool_] = self._number[one] == self._number[other]
        asked = np.flatnonzero(~same & (self._sense[one] == self._sense[other]))
        cosines = _cosines(self.vectors, one[asked], other[asked])
        for pair in asked[cosines >= threshold].tolist():
            same[pair] = not have_other_numbers(self._words[one[pair]], self._words[other[pair]])
        return pairs[same]


def _candidates(column: _Column, kinds: Sequence[Hashable], threshold: float) -> Pairs:
    """Pairs of rows of one kind whose vectors may be near."""
    signed, of_kind = _signed(column.vectors)[column.place], defaultdict[Hashable, list[int]](list)
    for row, kind in enumerate(kinds):
        of_kind[kind].append(row)
    least = _least_agreement(threshold)
    return np.concatenate([meetings(signed, np.array(same), least) for same in of_kind.values()])


def _numbered(texts: Iterable[str]) -> NDArray[np.int64]:
    """A number for each text, int64 [texts]; equal texts have the same."""
    numbers = dict[str, int]()
    return np.array([numbers.setdefault(text, len(numbers)) for text in texts], np.int64)


def _sense(text: str) -> str:
    """What two texts must have in common, however near: whether they deny, and what they ask; without words, all."""
    if not any(map(str.isalnum, text)):
        return text
    words = frozenset(text.split())
    return " ".join(["denies"] * (not words.isdisjoint(_DENYING)) + sorted(words & QUESTIONS))


def _signed(vectors: Meanings) -> Signatures:
    """On which sides of the planes each vector lies, packed as MinHash signatures are."""
    planes = _planes(vectors.shape[1])
    parts = (vectors[start : start + _TEXTS_AT_ONCE] @ planes > 0 for start in range(0, len(vectors), _TEXTS_AT_ONCE))
    packed = [np.packbits(sides.reshape(-1, _PLANES), axis=1, bitorder="little") for sides in parts]
    return np.concatenate(packed).reshape(-1, PERMUTATIONS).astype(np.uint32)


def _cosines(vectors: Meanings, one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of rows of unit vectors, float64 [rows]."""
    starts = range(0, len(one), _TEXTS_AT_ONCE)
    parts = ((vectors[one[at : at + _TEXTS_AT_ONCE]], vectors[other[at : at + _TEXTS_AT_ONCE]]) for at in starts)
    return np.concatenate([np.empty(0), *(np.einsum("ij,ij->i", *part) for part in parts)])


@cache
def _planes(dimensions: int) -> NDArray[np.float64]:
    """Normals of 1 and -1: the raw numbers of a Philox generator are the same in every version of numpy."""
    raw = np.random.Philox(key=0).random_raw(dimensions * PERMUTATIONS * _PLANES)
    return np.where(raw >> np.uint64(63), 1.0, -1.0).reshape(dimensions, -1)


def _least_agreement(cosine: float) -> float:
    agreed = (1 - math.acos(cosine) / math.pi) ** _PLANES
    return agreed - _SURELY * math.sqrt(agreed * (1 - agreed) / PERMUTATIONS)
