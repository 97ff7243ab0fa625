"""Leaving: an answer broken off (A4), or silence after one for as long as the configuration says."""

from collections.abc import Sequence
from dataclasses import dataclass

from feedback.detectors import base
from feedback.detectors.reading import Reading
from feedback.signal import Signal
from feedback.taxonomy import Weights


@dataclass(frozen=True, slots=True)
class EarlyStopDetector:
    """Reads answers that ended because the person went away, unless the application reported it itself."""

    weights: Weights
    name: str = "early_stop"
    version: int = 1

    def detect(self, reading: Reading, found: Sequence[Signal]) -> list[Signal]:
        """One signal per answer broken off."""
        conversation = reading.conversation
        reported = {event.data.response_id for event in conversation.feedback if event.data.kind == "stop"}
        return [
            base.in_behaviour(self, "stop", turn, self.weights)
            for turn in conversation.turns
            if turn.generation.finish_reason == "cancelled" and turn.response_id not in reported
        ]


@dataclass(frozen=True, slots=True)
class AbandonmentDetector:
    """Reads silence after the newest answer."""

    weights: Weights
    name: str = "abandonment"
    version: int = 1

    def detect(self, reading: Reading, found: Sequence[Signal]) -> list[Signal]:
        """At most one signal, dated when the silence began to mean something."""
        conversation = reading.conversation
        if not conversation.is_abandoned:
            return []
        newest = max(conversation.turns, key=lambda turn: (turn.event.time, turn.response_id))
        return [base.in_behaviour(self, "abandonment", newest, self.weights, time=conversation.due_at)]
