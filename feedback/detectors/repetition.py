"""Repetition: the model answers another message with the same words again (A17)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from feedback.detectors import base
from feedback.detectors.reading import Reading
from feedback.edits import is_same_answer
from feedback.signal import Signal
from feedback.taxonomy import Weights

_OTHER_LENGTH: Final = 0.1
"""Difference in length, of the whole, from which two answers are not one in other white space."""


@dataclass(frozen=True, slots=True)
class RepetitionDetector:
    """Compares each answer with the one the person replied to."""

    weights: Weights
    name: str = "repetition"
    version: int = 2

    def detect(self, reading: Reading, found: Sequence[Signal]) -> list[Signal]:
        """At most one signal per answer."""
        return [
            base.in_behaviour(self, "repetition", reply.said_in, self.weights)
            for reply in reading.conversation.replies
            if _is_repeated(reply.said_in.output, reply.about.output)
        ]


def _is_repeated(answer: str | None, before: str | None) -> bool:
    """Whether an answer says what the one before said. Lengths come first: they tell most pairs apart at no cost."""
    if not answer or not before or abs(len(answer) - len(before)) > _OTHER_LENGTH * len(before):
        return False
    return is_same_answer(answer, before)
