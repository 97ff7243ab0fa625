"""Regeneration seen in the log: the same request answered again (A11), unless the application reported it itself."""

from collections.abc import Sequence
from dataclasses import dataclass

from feedback.detectors import base
from feedback.detectors.reading import Reading
from feedback.signal import Signal
from feedback.taxonomy import Weights


@dataclass(frozen=True, slots=True)
class RegenerationDetector:
    """Reads `regeneration_of`."""

    weights: Weights
    name: str = "regeneration"
    version: int = 1

    def detect(self, reading: Reading, found: Sequence[Signal]) -> list[Signal]:
        """One signal about each answer that was asked for again."""
        conversation = reading.conversation
        reported = {event.data.response_id for event in conversation.feedback if event.data.kind == "regenerate"}
        turns = {turn.response_id: turn for turn in conversation.turns}
        return [
            base.in_behaviour(self, "regenerate", turns[turn.regeneration_of], self.weights, seen_in=[turn])
            for turn in conversation.turns
            if turn.regeneration_of and turn.regeneration_of not in reported
        ]
