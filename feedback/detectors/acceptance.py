"""Acceptance: the person moves on to something else without a word or sign about the answer (A20)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from feedback.conversation import Conversation
from feedback.detectors import base
from feedback.detectors.rephrase import similarity_to_request
from feedback.signal import Signal
from feedback.taxonomy import Weights

MOVED_ON_BELOW: Final = 0.25
"""Similarity below which a message is about something else; half of what makes a rephrasing."""


@dataclass(frozen=True, slots=True)
class AcceptanceDetector:
    """Reads replies about which none of the `others` finds anything."""

    weights: Weights
    others: Sequence[base.Detector]
    name: str = "acceptance"
    version: int = 1

    def detect(self, conversation: Conversation) -> list[Signal]:
        """At most one signal per reply."""
        judged = {signal.response_id for other in self.others for signal in other.detect(conversation)}
        return [
            base.in_words(self, "acceptance", reply, self.weights)
            for reply in conversation.replies
            if reply.about.response_id not in judged and similarity_to_request(reply) < MOVED_ON_BELOW
        ]
