"""Rephrasing: the person says much the same again, because the answer did not serve (A5).

Compared are the words that carry content, and the character trigrams, of two consecutive messages of the person.
"""

import re
from dataclasses import dataclass
from typing import Final

from feedback.conversation import Conversation, Reply
from feedback.detectors import base
from feedback.detectors.phrases import MAX_CHARS_READ
from feedback.signal import Signal
from feedback.taxonomy import Weights

REPHRASED_FROM: Final = 0.5
"""Similarity from which two messages say the same; half of the content shared."""

_WORD: Final = re.compile(r"\w+(?:['’]\w+)?")  # noqa: RUF001 (as people type it)
_EMPTY_WORDS: Final = frozenset(
    _WORD.findall(
        "a an and any are as at be been but by can could did do does for from had has have how i if in is it its me "
        "my of on or our please should so some than that the their them then there they this to was we were "
        "what when where which who why will with would you your"
    )
)


@dataclass(frozen=True, slots=True)
class RephraseDetector:
    """Compares each reply with the message that the answer before it was given to."""

    weights: Weights
    name: str = "rephrase"
    version: int = 1

    def detect(self, conversation: Conversation) -> list[Signal]:
        """At most one signal per reply."""
        scored = [(reply, similarity_to_request(reply)) for reply in conversation.replies]
        return [
            base.in_words(self, "rephrase", reply, self.weights, certainty=score)
            for reply, score in scored
            if score >= REPHRASED_FROM
        ]


def similarity_to_request(reply: Reply) -> float:
    """Similarity, 0..1, of a reply and the message before the answer it replies to; 0 if that one is withheld."""
    return similarity(reply.about.request or "", reply.text)


def similarity(one: str, other: str) -> float:
    """The larger of two overlaps (Dice): of content words, and of character trigrams. 0..1, symmetric."""
    one, other = one[:MAX_CHARS_READ].casefold(), other[:MAX_CHARS_READ].casefold()
    return max(_dice(_content_words(one), _content_words(other)), _dice(_trigrams(one), _trigrams(other)))


def _content_words(text: str) -> frozenset[str]:
    words = frozenset(_WORD.findall(text))
    return (words - _EMPTY_WORDS) or words


def _trigrams(text: str) -> frozenset[str]:
    squeezed = f" {' '.join(_WORD.findall(text))} "
    return frozenset(squeezed[start : start + 3] for start in range(len(squeezed) - 2))


def _dice(one: frozenset[str], other: frozenset[str]) -> float:
    total = len(one) + len(other)
    return 2 * len(one & other) / total if total else 0.0
