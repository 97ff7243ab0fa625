"""Acceptance: the person moves on to something else without a word or sign about the answer (A20)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from feedback.detectors import base
from feedback.detectors.reading import Reading
from feedback.signal import Signal
from feedback.taxonomy import Weights

MOVED_ON_BELOW: Final = 0.25
"""Similarity below which a message is about something else; half of what makes a rephrasing."""


@dataclass(frozen=True, slots=True)
class AcceptanceDetector:
    """Reads replies to answers about which no detector before it found anything."""

    weights: Weights
    name: str = "acceptance"
    version: int = 3

    def detect(self, reading: Reading, found: Sequence[Signal]) -> list[Signal]:
        """At most one signal per reply; none where the words, which might say the contrary, are not read."""
        if not reading.is_read:
            return []
        judged = {signal.response_id for signal in found}
        return [
            base.in_words(self, "acceptance", said.reply, self.weights)
            for said in reading.said
            if said.reply.about.response_id not in judged and said.similarity < MOVED_ON_BELOW
        ]
