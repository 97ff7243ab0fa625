"""Decontamination: which training texts touch a text that evaluates, in either direction.

In: normalised texts of both sides, with their signatures. Out: the training texts that go. Two texts touch if they are
near-duplicates, or if they share words in a row. Pure, and decided pair by pair: what else there is changes nothing, so
what touches once touches in every later version (I5).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np

from feedback.minhash import Signatures, agreement_across, meetings_across
from feedback.near_duplicates import LEAST_AGREEMENT, MIN_CONTAINED_WORDS, near

GRAM_WORDS: Final = 13
"""Words of a shared n-gram that make a training text contaminated (Brown et al. 2020, appendix C)."""


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
    wanted = sorted(set(others))
    wholes = {other for other in wanted if len(other.split()) < GRAM_WORDS}
    lengths = sorted({len(whole.split()) for whole in wholes} - set(range(MIN_CONTAINED_WORDS)))
    long = {gram for other in wanted for gram in _grams(other, GRAM_WORDS)}
    # Where five words of a text are: only there it is looked for as a whole.
    places = defaultdict[str, set[str]](set)
    for other in wanted:
        for gram in _grams(other, MIN_CONTAINED_WORDS):
            places[gram].add(other)

    def touches(text: str) -> bool:
        if text in wholes or any(gram in long for gram in _grams(text, GRAM_WORDS)):
            return True
        if MIN_CONTAINED_WORDS <= len(text.split()) < GRAM_WORDS:
            beginning = next(_grams(text, MIN_CONTAINED_WORDS))
            if any(f" {text} " in f" {other} " for other in places.get(beginning, ())):
                return True
        return any(gram in wholes for size in lengths for gram in _grams(text, size))

    return {text for text in set(texts) if touches(text)}


def _grams(text: str, size: int) -> Iterator[str]:
    words = text.split()
    return (" ".join(words[start : start + size]) for start in range(len(words) - size + 1))
