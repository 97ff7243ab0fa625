"""Decontamination: which training texts touch a text that evaluates, in either direction.

In: normalised texts of both sides, with their signatures. Out: the training texts that go. Two texts touch if they are
near-duplicates, or if they share words in a row. Pure, and decided pair by pair: what else there is changes nothing, so
what touches once touches in every later version (I5).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from feedback.minhash import Signatures, agreement_across, meetings_across
from feedback.near_duplicates import LEAST_AGREEMENT, MIN_CONTAINED_WORDS, near

GRAM_WORDS: Final = 13
"""Words of a shared n-gram that make a training text contaminated (Brown et al. 2020, appendix C)."""
_FACTOR: Final = np.uint64(0x9E3779B97F4A7C15)
"""Odd, so that no bit of a word's number is lost; two runs of words share a key by chance once in 2**64."""


def touching(
    texts: Sequence[str], signatures: Signatures, others: Sequence[str], other_signatures: Signatures, threshold: float
) -> set[str]:
    """The normalised `texts` that are near to one of `others` (see `near`) or share words with it (`containing`)."""
    met = meetings_across(signatures, other_signatures, LEAST_AGREEMENT)
    agreed = agreement_across(signatures, other_signatures, met)
    alike = np.unique(met[near(texts, others, met, agreed, threshold), 0])
    return {texts[row] for row in alike} | containing(texts, others)


def containing(texts: Iterable[str], others: Iterable[str]) -> set[str]:
    """The normalised `texts` that share text with one of `others`, in either direction.

    Shared: 13 words in a row; or, where one has fewer, the whole of it inside the other (equal, if below five words).
    """
    everything, distinct = sorted(set(others)), sorted(set(texts))
    wholes = {other for other in everything if len(other.split()) < GRAM_WORDS}
    # Whatever else is shared has five words in a row, which most texts have of none.
    looked_at, wanted = _meeting(distinct, everything)
    lengths = sorted({len(whole.split()) for whole in wholes} - set(range(MIN_CONTAINED_WORDS)))
    long = {gram for other in wanted for gram in _grams(other, GRAM_WORDS)}
    # Where five words of a text are: only there it is looked for as a whole.
    places = defaultdict[str, set[str]](set)
    for other in wanted:
        for gram in _grams(other, MIN_CONTAINED_WORDS):
            places[gram].add(other)

    def touches(text: str) -> bool:
        if any(gram in long for gram in _grams(text, GRAM_WORDS)):
            return True
        if len(text.split()) < GRAM_WORDS:
            beginning = next(_grams(text, MIN_CONTAINED_WORDS))
            if any(f" {text} " in f" {other} " for other in places.get(beginning, ())):
                return True
        return any(gram in wholes for size in lengths for gram in _grams(text, size))

    return wholes.intersection(distinct) | {text for text in looked_at if touches(text)}


def _meeting(texts: Sequence[str], others: Sequence[str]) -> tuple[list[str], list[str]]:
    """Those of both sides that share MIN_CONTAINED_WORDS words in a row with the other; by chance one that does not."""
    numbers = dict[str, int]()
    (keys, rows), (other_keys, other_rows) = (_gram_keys(side, numbers) for side in (texts, others))
    shared = np.intersect1d(keys, other_keys)
    met, others_met = (np.unique(rows[np.isin(keys, shared)]), np.unique(other_rows[np.isin(other_keys, shared)]))
    return [texts[row] for row in met.tolist()], [others[row] for row in others_met.tolist()]


def _gram_keys(texts: Sequence[str], numbers: dict[str, int]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """A key of each MIN_CONTAINED_WORDS words in a row, and the row of its text; `numbers` of words grow."""
    words = [text.split() for text in texts]
    rows = np.repeat(np.arange(len(texts)), np.fromiter(map(len, words), np.int64, len(words)))
    numbered = (numbers.setdefault(word, len(numbers)) for of_text in words for word in of_text)
    found = np.fromiter(numbered, np.uint64, len(rows))
    size = max(0, len(rows) - MIN_CONTAINED_WORDS + 1)
    keys = np.zeros(size, np.uint64)
    for place in range(MIN_CONTAINED_WORDS):
        keys = keys * _FACTOR + found[place : place + size]
    inside = rows[:size] == rows[len(rows) - size :]
    return keys[inside], rows[:size][inside]


def _grams(text: str, size: int) -> Iterator[str]:
    words = text.split()
    return (" ".join(words[start : start + size]) for start in range(len(words) - size + 1))
