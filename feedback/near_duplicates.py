"""Near-duplicates: which texts are the same up to a typo or a comma, and which contain each other.

In: texts, and MinHash signatures of their shingles. Out: a cluster for each text, or the texts that touch others. Pure:
equal texts give equal clusters in any order (I3).
"""

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

Signatures = NDArray[np.uint32]
"""MinHash signatures, uint32 [texts, PERMUTATIONS]."""

PERMUTATIONS: Final = 128
_BANDS: Final = 32
"""Bands of 4: texts of Jaccard similarity 0.7 meet in one with probability 0.9998 and are then compared exactly."""
SHINGLE_CHARS: Final = 5
"""Characters, not words: in a message of ten words one typo changes a third of all word triples."""

GRAM_WORDS: Final = 13
"""Words of a shared n-gram that make a training text contaminated (Brown et al. 2020, appendix C)."""
_MIN_CONTAINED_WORDS: Final = 5
"""A shorter text inside another says nothing: "where is my card" is in many messages."""

_WORD: Final = re.compile(r"\w+")


def normalise(text: str) -> str:
    """Words in lower case with single blanks: what two texts must share to be the same."""
    return " ".join(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))


def shingles(text: str) -> frozenset[str]:
    """Overlapping pieces of SHINGLE_CHARS characters of a normalised text; a shorter text is one piece."""
    last = max(1, len(text) - SHINGLE_CHARS + 1)
    return frozenset(text[start : start + SHINGLE_CHARS] for start in range(last))


def clusters(texts: Sequence[str], signatures: Signatures, threshold: float) -> list[str]:
    """Name of the cluster of each normalised text; `threshold` is the Jaccard similarity that joins two.

    A cluster is named after its smallest text, so its name does not depend on the order of the texts.
    """
    unique = {text: row for row, text in reversed(list(enumerate(texts)))}
    names = sorted(unique)
    pieces = [shingles(name) for name in names]
    parents = list(range(len(names)))
    for first, other in _meetings(signatures[[unique[name] for name in names]]):
        if _root(parents, first) != _root(parents, other) and _jaccard(pieces[first], pieces[other]) >= threshold:
            # The smaller row is the smaller text.
            low, high = sorted((_root(parents, first), _root(parents, other)))
            parents[high] = low
    cluster_of = {name: _cluster_name(names[_root(parents, row)]) for row, name in enumerate(names)}
    return [cluster_of[text] for text in texts]


def _meetings(signatures: Signatures) -> Iterator[tuple[int, int]]:
    """Pairs of rows that agree in a band: each row with the first of its bucket and with the one before it."""
    for band in np.split(signatures, _BANDS, axis=1):
        buckets = defaultdict[bytes, list[int]](list)
        for row, values in enumerate(band):
            buckets[values.tobytes()].append(row)
        for rows in buckets.values():
            yield from ((rows[0], row) for row in rows[1:])
            yield from pairwise(rows[1:])


def _root(parents: list[int], row: int) -> int:
    while parents[row] != row:
        parents[row] = parents[parents[row]]
        row = parents[row]
    return row


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other)


def _cluster_name(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def containing(texts: Iterable[str], others: Iterable[str]) -> set[str]:
    """The normalised `texts` that share text with one of `others`, in either direction.

    Shared: 13 words in a row; or, where one has fewer, the whole of it inside the other (equal, if below five words).
    """
    wanted = list(others)
    wholes = {other for other in wanted if len(other.split()) < GRAM_WORDS}
    lengths = sorted({len(whole.split()) for whole in wholes} - set(range(_MIN_CONTAINED_WORDS)))
    pieces: Mapping[int, set[str]] = {size: set() for size in range(_MIN_CONTAINED_WORDS, GRAM_WORDS + 1)}
    for size, found in pieces.items():
        found.update(gram for other in wanted for gram in _grams(other, size))

    def touches(text: str) -> bool:
        words = len(text.split())
        if text in wholes or any(gram in pieces[GRAM_WORDS] for gram in _grams(text, GRAM_WORDS)):
            return True
        if _MIN_CONTAINED_WORDS <= words < GRAM_WORDS and text in pieces[words]:
            return True
        return any(gram in wholes for size in lengths for gram in _grams(text, size))

    return {text for text in set(texts) if touches(text)}


def _grams(text: str, size: int) -> Iterator[str]:
    words = text.split()
    return (" ".join(words[start : start + size]) for start in range(len(words) - size + 1))
