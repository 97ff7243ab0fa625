"""Long conversations, and among them those that go round in circles (A16, A17).

Diversity is the share of distinct pairs of neighbouring words (distinct-2 of Li et al. 2016, A Diversity-Promoting
Objective Function for Neural Conversation Models, section 5.4); it falls less with length than that of distinct words.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from feedback.conversation import Conversation, Turn
from feedback.detectors import base
from feedback.detectors.reading import Reading
from feedback.polarity import LENGTH_POLARITY
from feedback.signal import Signal
from feedback.taxonomy import Weights

LONG_TURNS: Final = 12
"""Answers that make a conversation long: twice the five or six that people have with an assistant or a service desk."""
STUCK_TURNS: Final = 5
"""Answers below which saying things again is no loop."""
STUCK_BELOW: Final = 0.55
"""Distinct-2 of a loop."""
_WORDS_READ: Final = 25
"""Words of each message that are compared: who repeats repeats from the beginning."""
_CHARS_READ: Final = 200
"""Characters that hold so many words, and bound what a paste costs."""


@dataclass(frozen=True, slots=True)
class LengthDetector:
    """Counts answers, unless the application reported the length itself; what it means depends on the application."""

    weights: Weights
    name: str = "length"
    version: int = 1

    def detect(self, reading: Reading, found: Sequence[Signal]) -> list[Signal]:
        """At most one signal, about the conversation."""
        turns = _asked_turns(reading.conversation)
        if len(turns) < LONG_TURNS or base.is_reported("conversation_length", found):
            return []
        polarity = LENGTH_POLARITY[reading.conversation.app_type]
        return [base.about_all(self, "conversation_length", turns, self.weights, polarity)]


@dataclass(frozen=True, slots=True)
class LoopDetector:
    """Measures the diversity of what both sides say in turns enough, unless the application reported it."""

    weights: Weights
    name: str = "loop"
    version: int = 1

    def detect(self, reading: Reading, found: Sequence[Signal]) -> list[Signal]:
        """At most one signal, about the conversation."""
        turns = _asked_turns(reading.conversation)
        if len(turns) < STUCK_TURNS or base.is_reported("diversity", found):
            return []
        if not is_stuck([text for turn in turns for text in (turn.request, turn.output) if text]):
            return []
        return [base.about_all(self, "diversity", turns, self.weights, -1)]


def is_stuck(texts: Iterable[str]) -> bool:
    """Whether distinct pairs of neighbouring words are less than STUCK_BELOW of all pairs; without any, no.

    Counted only until what is left cannot change the answer.
    """
    read = [text[:_CHARS_READ].lower().split()[:_WORDS_READ] for text in texts]
    pairs = left = sum(len(words) - 1 for words in read if words)
    distinct = set[tuple[str, str]]()
    for words in read:
        if len(distinct) >= STUCK_BELOW * pairs + 1 or len(distinct) + left < STUCK_BELOW * pairs - 1:
            break
        distinct.update(pairwise(words))
        left -= max(len(words) - 1, 0)
    return pairs > 0 and len(distinct) / pairs < STUCK_BELOW


def _asked_turns(conversation: Conversation) -> list[Turn]:
    """Answers to a message of their own: not those asked for again, nor the steps of an agent."""
    return [
        turn
        for turn in conversation.turns
        if not turn.regeneration_of and (turn.request is not None or _has_user_message(turn))
    ]


def _has_user_message(turn: Turn) -> bool:
    return any(message.role == "user" for message in turn.generation.input)
