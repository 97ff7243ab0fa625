"""What became of an export: every part is a conversation, an answer, feedback, or left out for a reason (I10)."""

from collections import Counter
from dataclasses import dataclass, field

from feedwheel_capture.vocabulary import FeedbackKind

from feedback.capture.importers.refusal import SkipReason


@dataclass(slots=True)
class Tally:
    """Counts of one import. `withheld` events are not stored because consent allows nothing."""

    conversations: int = 0
    answers: int = 0
    feedback: Counter[FeedbackKind] = field(default_factory=Counter)
    skipped: Counter[SkipReason] = field(default_factory=Counter)
    withheld: int = 0

    def skip(self, reason: SkipReason, count: int = 1) -> None:
        """Count what is left out."""
        if count:
            self.skipped[reason] += count
