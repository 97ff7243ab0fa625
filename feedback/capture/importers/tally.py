"""What became of an export: every part is a conversation, an answer, feedback, or left out for a reason (I10)."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from feedwheel_capture.spool import Record
from feedwheel_capture.vocabulary import FeedbackKind

from feedback.capture.importers.refusal import Skipped, SkipReason, Unreadable
from feedback.capture.importers.stream import Part


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

    def whole(self, parts: Iterable[Part]) -> Iterator[dict[str, Any]]:
        """The parts that can be read; the others are counted."""
        for part in parts:
            if isinstance(part, Skipped):
                self.skip(part.reason)
            else:
                yield part

    def guarded(self, records: Iterator[Record]) -> Iterator[Record]:
        """The records of something, up to where it turns out to be unreadable, which is counted."""
        try:
            yield from records
        except Unreadable as error:
            self.skip(error.reason)
