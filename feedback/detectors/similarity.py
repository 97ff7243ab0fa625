"""How much two messages of a person ask the same, from the words that carry content.

In: two messages as rules read them. Out: a similarity. Words count by their beginnings, so that "arrive" and "arrived"
are one; where these leave it open, the character trigrams decide.
"""

from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from feedback.detectors.words import Words, bag

_STEM_CHARS: Final = 5
"""Beginning of a word that stands for it: most endings of English begin later."""
_SHORT_CHARS: Final = 120
"""In longer messages words decide: trigrams cost more, and are alike in any two texts."""
_OPEN_FROM: Final = 0.2
"""Similarity in words below which trigrams are not asked."""
QUESTIONS: Final = bag("what how why when where who which")
"""Words that say what a question asks for."""
_OTHER_QUESTION: Final = 0.75
"""Share of the similarity that is left where two messages ask another thing about much the same."""
_MIN_SHARED: Final = 2
"""Words that two messages share if one says the other again: a single one is what they are about."""
_SAME_TOPIC: Final = 0.3
"""Similarity of messages that share only a topic: neither the same nor something else."""
_SLOT_WORDS: Final = 4
"""Longest run of words that, changed alone, makes a like request for another thing."""

_EMPTY_WORDS: Final = bag(
    "a an and any are as at be been but by can could did do does for from had has have how i if in is it its me "
    "my of on or our please should so some than that the their them then there they this to was we were "
    "what when where which who why will with would you your ok okay hi hello hey no not just s t m re ve ll d "
    "about tell thank thanks give get want need know also more"
)


@dataclass(frozen=True, slots=True)
class Content:
    """Words in order, beginnings of those that carry content (of all, if none does), and the first question word."""

    words: tuple[str, ...]
    stems: frozenset[str]
    asks: str | None

    @classmethod
    def of(cls, message: Words) -> "Content":
        """The content of a message."""
        found = message.tokens
        stems = frozenset([word[:_STEM_CHARS] for word in message.words - _EMPTY_WORDS])
        asks = None if QUESTIONS.isdisjoint(message.words) else next(word for word in found if word in QUESTIONS)
        return cls(found, stems or frozenset(found), asks)


def similarity(one: Content, other: Content) -> float:
    """The larger of two overlaps (Dice): of content words, and of trigrams. 0..1, symmetric; 0 for a like request.

    Two requests are only alike where one slot of a common frame is filled differently: "a poem about dogs", "a poem
    about cats".
    """
    by_words = _dice(one.stems, other.stems)
    if by_words < _OPEN_FROM or by_words == 1:
        return by_words
    if one.asks and other.asks and one.asks != other.asks:
        by_words *= _OTHER_QUESTION
    if len(one.stems & other.stems) < _MIN_SHARED:
        return min(by_words, _SAME_TOPIC)
    if _is_another_filling(one.words, other.words):
        return 0.0
    if by_words >= 0.5:
        return by_words
    texts = " ".join(one.words), " ".join(other.words)
    if max(map(len, texts)) > _SHORT_CHARS:
        return by_words
    return max(by_words, _dice(*map(_trigrams, texts)))


def _is_another_filling(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether the two differ in one run of words only, with something in it on both sides and content outside."""
    before = _common(one, other)
    one, other = one[before:], other[before:]
    after = _common(one[::-1], other[::-1])
    slots = one[: len(one) - after], other[: len(other) - after]
    filled = [{word[:_STEM_CHARS] for word in slot if word not in _EMPTY_WORDS} for slot in slots]
    return (
        before + after > 0
        and all(filled)
        and not filled[0] & filled[1]
        and all(len(slot) <= _SLOT_WORDS for slot in slots)
        and not _is_misspelt(slots)
    )


def _is_misspelt(slots: tuple[tuple[str, ...], tuple[str, ...]]) -> bool:
    """Whether the two runs are one word typed in two ways."""
    return _dice(*(_trigrams(" ".join(slot)) for slot in slots)) >= 0.4


def _common(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _trigrams(text: str) -> frozenset[str]:
    padded = f" {text} "
    return frozenset([padded[start : start + 3] for start in range(len(padded) - 2)])


def _dice(one: frozenset[str], other: frozenset[str]) -> float:
    total = len(one) + len(other)
    return 2 * len(one & other) / total if total else 0.0
