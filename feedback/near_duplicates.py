"""Near-duplicates: which texts are the same up to a typo, a comma, a greeting.

In: texts, and MinHash signatures of their shingles. Out: a cluster for each text. Pure: equal texts give equal
clusters in any order (I3).
"""

import hashlib
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from feedback.minhash import SHINGLE_CHARS, Pairs, Signatures, agreement, meetings

NEAR_DUPLICATE: Final = 0.65
"""Jaccard similarity of two texts that are one, where nothing else is asked: chosen in docs/duplicates.md."""
MIN_CONTAINED_WORDS: Final = 5
"""A shorter text inside another says nothing: "where is my card" is in many messages."""
_MAX_AROUND_WORDS: Final = 6
"""What may stand around a text that is repeated whole: "hello there", "sent from my iphone", not a second question."""
LEAST_AGREEMENT: Final = 0.3
"""Estimated similarity of a text and itself with words around it, at the least: six around five."""
_SURE: Final = 0.15
"""Three and a half standard errors of an estimate by 128 permutations: beyond it the exact value is not looked at."""
_LONG_WORDS: Final = 30
"""In a text of fewer words another number is another matter (an amount, a date); in a longer one it may be a typo."""
_LONG_ALLOWANCE: Final = 0.1
"""Less similarity will do for two long texts: by chance they are less alike than two short ones of one topic."""
_TEXTS_IN_PIECES: Final = 256
"""Whose shingles are remembered: a text meets its likes in a row. Those of 4,000 characters take 0.4 MB."""

_WORD: Final = re.compile(r"\w+")
_DIGIT: Final = re.compile(r"\d")
_ASCII_WORDS: Final = bytes(
    ord(chr(code).lower()) if chr(code).isalnum() or chr(code) == "_" else 32 for code in range(128)
) + bytes(128)
_MARKS: Final = {
    code: None for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) in ("Mn", "Me", "Cf")
}
"""What changes how a character looks and not which it is: accents, soft hyphens, joiners, directions."""


def normalise(text: str) -> str:
    """Words in lower case with single blanks, without accents: what two texts must share to be the same."""
    if text.isascii():  # the same, four times as fast
        return b" ".join(text.encode().translate(_ASCII_WORDS).split()).decode()
    plain = unicodedata.normalize("NFKD", text).translate(_MARKS).casefold()
    return " ".join(_WORD.findall(unicodedata.normalize("NFKC", plain)))


def comparable(text: str) -> str:
    """The normalised text; of one without words, such as emoji, its marks."""
    return normalise(text) or " ".join(unicodedata.normalize("NFKC", text).split())


def clusters(texts: Sequence[str], signatures: Signatures, threshold: float) -> list[str]:
    """Name of the cluster of each normalised text; `threshold` is the Jaccard similarity that joins two."""
    prints = fingerprints(texts)
    return [cluster_name(prints[centre]) for centre in centres(texts, prints, signatures, threshold)]


def fingerprints(texts: Iterable[str]) -> NDArray[np.uint64]:
    """64 bits of SHA-256 of each text: among a million texts two share one with probability 3e-8."""
    digests = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8] for text in texts]
    return np.frombuffer(b"".join(digests), ">u8").astype(np.uint64)


def cluster_name(fingerprint: int) -> str:
    """What a cluster is called: the fingerprint of the text in its middle."""
    return f"{fingerprint:016x}"


def centres(
    texts: Sequence[str], prints: NDArray[np.uint64], signatures: Signatures, threshold: float
) -> NDArray[np.int64]:
    """Row of the text in the middle of each text's cluster, int64 [texts].

    The text with the most neighbours is the first middle, and takes them; then the one with the most among those left
    (star clusters, Aslam et al. 2004). So all of a cluster is near to one text, and links do not make chains.
    """
    # In the order of their fingerprints, rows do not depend on the order of the texts.
    unique, rows, where = np.unique(prints, return_index=True, return_inverse=True)
    met = meetings(signatures, rows, LEAST_AGREEMENT)
    pairs = met[near(texts, texts, met, agreement(signatures, met), threshold)]
    return stars(rows, np.searchsorted(unique, prints[pairs]))[where]


def near(
    texts: Sequence[str], others: Sequence[str], pairs: Pairs, agreed: NDArray[np.float64], threshold: float
) -> NDArray[np.bool_]:
    """Which pairs of a text and one of `others` are the same up to an edit, given the estimates of their similarity.

    Alike: Jaccard similarity of shingles at least `threshold`, a little less for long texts; or one is in the other,
    whole, with few words around it. In neither case are there numbers in each that are not in the other.
    """
    pieces = lru_cache(_TEXTS_IN_PIECES)(shingles)
    said = (
        _is_near(texts[row], others[other], estimate, threshold, pieces)
        for row, other, estimate in zip(pairs[:, 0].tolist(), pairs[:, 1].tolist(), agreed.tolist(), strict=True)
    )
    return np.fromiter(said, np.bool_, len(pairs))


def _is_near(one: str, other: str, estimate: float, threshold: float, pieces: Callable[[str], frozenset[str]]) -> bool:
    short, long = (one, other) if len(one) <= len(other) else (other, one)
    blanks, more_blanks = short.count(" "), long.count(" ")
    asked = threshold - _LONG_ALLOWANCE * (min(blanks, more_blanks) >= _LONG_WORDS - 1)
    alike = estimate >= asked + _SURE or (estimate >= asked - _SURE and jaccard(pieces(one), pieces(other)) >= asked)
    if not alike and (blanks < MIN_CONTAINED_WORDS - 1 or more_blanks - blanks > _MAX_AROUND_WORDS):
        return False
    # Or the longer text is the shorter one, repeated, with few words around it.
    return (alike or f" {short} " in f" {long} ") and not have_other_numbers(one, other)


def have_other_numbers(one: str, other: str) -> bool:
    """Whether each of two short texts has a number that the other has not."""
    if not (_DIGIT.search(one) and _DIGIT.search(other)):
        return False
    if min(one.count(" "), other.count(" ")) >= _LONG_WORDS - 1:
        return False
    mine, theirs = (Counter(word for word in text.split() if _DIGIT.search(word)) for text in (one, other))
    return bool(mine - theirs) and bool(theirs - mine)


def shingles(text: str) -> frozenset[str]:
    """Overlapping pieces of SHINGLE_CHARS characters of a normalised text; a shorter text is one piece."""
    last = max(1, len(text) - SHINGLE_CHARS + 1)
    return frozenset(text[start : start + SHINGLE_CHARS] for start in range(last))


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """Share of the pieces of either that are pieces of both."""
    return len(one & other) / len(one | other)


def stars(rows: NDArray[np.int64], pairs: Pairs) -> NDArray[np.int64]:
    """The middle of each of `rows`, int64 [rows]: itself, or whose star it is in; `pairs` are places in `rows`."""
    ends = np.concatenate([pairs, pairs[:, ::-1]])
    ends = ends[np.lexsort((ends[:, 1], ends[:, 0]))]
    degrees = np.bincount(ends[:, 0], minlength=len(rows))
    begins = np.concatenate([[0], np.cumsum(degrees)])
    middle = np.arange(len(rows))
    taken = np.zeros(len(rows), np.bool_)
    busiest = np.argsort(-degrees, kind="stable")
    for place in busiest[: np.count_nonzero(degrees)]:
        if not taken[place]:
            taken[place] = True
            members = ends[begins[place] : begins[place + 1], 1]
            free = members[~taken[members]]
            middle[free], taken[free] = place, True
    return rows[middle]
