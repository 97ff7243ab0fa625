"""What a score of an observability product means as feedback.

In: a score, what it is about, and the range that its name has in the whole export. Out: the event of a feedback. A
number says nothing without its scale, and exports do not give it: the narrowest usual one that holds every score of
that name is taken.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from feedwheel_capture.spool import Record
from feedwheel_capture.vocabulary import FeedbackKind

from feedback.capture import ratings
from feedback.capture.importers.refusal import Unreadable
from feedback.capture.importers.scribe import Scribe
from feedback.capture.ratings import Scale

_SCALES: Final[tuple[Scale, ...]] = ((0.0, 1.0), (-1.0, 1.0), (1.0, 5.0), (0.0, 5.0), (0.0, 10.0), (0.0, 100.0))


@dataclass(frozen=True, slots=True)
class Score:
    """One score as an export has it. `correction` is what the answer should have been."""

    id: str | None
    name: str
    number: float | None
    label: str | None
    comment: str | None
    time: datetime | None
    by_person: bool
    correction: str | None = None

    @property
    def value(self) -> float | None:
        """Its number, or what its label says on 0..1."""
        if self.number is not None or self.label is None:
            return self.number
        return ratings.number_of(self.label)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a score is about: an answer, or a conversation as a whole."""

    user: str | None
    response_id: str | None
    conversation_id: str | None


@dataclass(slots=True)
class Ranges:
    """The lowest and highest score of each name."""

    _found: dict[str, tuple[float, float]] = field(default_factory=dict)

    def see(self, scores: Iterable[Score]) -> None:
        """Widen the ranges."""
        for score in scores:
            if (value := score.value) is not None:
                low, high = self._found.get(score.name, (value, value))
                self._found[score.name] = (min(low, value), max(high, value))

    def scale(self, name: str) -> Scale:
        """The scale of a name that was seen. Raises Unreadable if none of the usual ones holds its scores."""
        lowest, highest = self._found[name]
        for low, high in _SCALES:
            if low <= lowest and highest <= high:
                return low, high
        raise Unreadable("no_rating")


def scored(score: Score, about: Subject | None, ranges: Ranges, scribe: Scribe) -> Iterator[Record]:
    """The feedback that a score is. Raises Unreadable: a program's judgement is none, and a score may be no rating."""
    if not score.by_person:
        raise Unreadable("judged_by_model")
    kind, value = _meaning(score, ranges)
    if score.id is None:
        raise Unreadable("no_id")
    if score.time is None:
        raise Unreadable("no_time")
    if about is None:
        raise Unreadable("no_such_answer")
    yield from scribe.feedback(
        kind,
        value,
        score.time,
        about.user,
        score.id,
        response_id=about.response_id,
        conversation_id=about.conversation_id,
        surface=score.name,
    )


def _meaning(score: Score, ranges: Ranges) -> tuple[FeedbackKind, dict[str, Any]]:
    if score.correction is not None:
        return "edit", {"edited_output": score.correction}
    if score.value is None:
        raise Unreadable("no_rating")
    return ratings.as_feedback(score.name, score.value, ranges.scale(score.name), score.comment)
