"""Repetition: the model answers another message with the same words again (A17)."""

from collections.abc import Sequence
from dataclasses import dataclass

from feedback.detectors import base
from feedback.detectors.reading import Reading
from feedback.polarity import is_same_answer
from feedback.signal import Signal
from feedback.taxonomy import Weights


@dataclass(frozen=True, slots=True)
class RepetitionDetector:
    """Compares each answer with the one the person replied to."""

    weights: Weights
    name: str = "repetition"
    version: int = 1

    def detect(self, reading: Reading, found: Sequence[Signal]) -> list[Signal]:
        """At most one signal per answer."""
        return [
            base.in_behaviour(self, "repetition", reply.said_in, self.weights)
            for reply in reading.conversation.replies
            if is_same_answer(reply.said_in.output or None, reply.about.output)
        ]
