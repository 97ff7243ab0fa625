"""Signals that the application reported: one for each feedback event that stands, whatever its kind."""

from collections.abc import Sequence
from dataclasses import dataclass

from feedwheel_capture.events import Feedback, FeedbackValue
from feedwheel_capture.vocabulary import ComplaintCategory

from feedback import polarity
from feedback.conversation import Conversation, Logged, Turn
from feedback.detectors import base, complaint
from feedback.detectors.reading import Reading
from feedback.signal import Signal
from feedback.taxonomy import TAXONOMY, Weights


@dataclass(frozen=True, slots=True)
class ReportedDetector:
    """Reads feedback events."""

    weights: Weights
    name: str = "reported"
    version: int = 3

    def detect(self, reading: Reading, found: Sequence[Signal]) -> list[Signal]:
        """One signal for each standing feedback."""
        conversation = reading.conversation
        turns: dict[str | None, Turn] = {turn.response_id: turn for turn in conversation.turns}
        return [
            self._signal(conversation, event, event.data.value, turns.get(event.data.response_id))
            for event in conversation.feedback
            if event.data.value is not None
        ]

    def _signal(
        self, conversation: Conversation, event: Logged[Feedback], value: FeedbackValue, about: Turn | None
    ) -> Signal:
        said = event.data
        shown = about.output if about else None
        reading = polarity.read(
            said.kind, value, polarity.Circumstances(conversation.app_type, said.response_id, shown)
        )
        readable = said.consent == "content"
        return Signal(
            kind=said.kind,
            explicit=TAXONOMY[said.kind].explicit,
            polarity=reading.polarity,
            strength=self.weights[said.kind].strength * reading.share,
            confidence=self.weights[said.kind].confidence,
            response_id=said.response_id,
            detector=base.label(self),
            time=event.time,
            person=base.person_of(said),
            simulated=said.simulated,
            event_ids=(event.event_id,),
            text=value.text if readable else None,
            surface=said.surface,
            category=_category(said, value),
            edited_output=value.edited_output if readable else None,
            options=tuple(value.candidates) if value.candidates else None,
            chosen=value.chosen,
        )


def _category(said: Feedback, value: FeedbackValue) -> ComplaintCategory | None:
    """What a complaint is about: as the person says, or as their words say."""
    if said.kind != "complaint" or value.category or said.consent != "content":
        return value.category
    return complaint.category_of(value.text or "")
