"""What a score of an observability product means as feedback.

In: a score's name, number, label and comment, and the range that its name has in the whole export. Out: the kind and
value of a feedback. A number says nothing without its scale, and exports do not give it: the narrowest usual one that
holds every score of that name is taken.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from feedwheel_capture.vocabulary import FeedbackKind

from feedback.capture import ratings
from feedback.capture.importers.conversations import Unreadable
from feedback.capture.ratings import Scale

_SCALES: Final[tuple[Scale, ...]] = ((0.0, 1.0), (-1.0, 1.0), (1.0, 5.0), (0.0, 5.0), (0.0, 10.0), (0.0, 100.0))


@dataclass(frozen=True, slots=True)
class Score:
    """One score as an export has it. `by_model`: no person gave it."""

    id: str
    name: str
    number: float | None
    label: str | None
    comment: str | None
    by_model: bool

    @property
    def value(self) -> float | None:
        """Its number, or what its label says on 0..1."""
        if self.number is not None or self.label is None:
            return self.number
        return ratings.number_of(self.label)


@dataclass(slots=True)
class Ranges:
    """The lowest and highest score of each name."""

    found: dict[str, tuple[float, float]] = field(default_factory=dict)

    def see(self, scores: Iterable[Score]) -> None:
        """Widen the ranges."""
        for score in scores:
            if (value := score.value) is not None:
                low, high = self.found.get(score.name, (value, value))
                self.found[score.name] = (min(low, value), max(high, value))

    def scale(self, name: str) -> Scale:
        """The scale of a name. Raises Unreadable if none of the usual ones holds its scores."""
        lowest, highest = self.found[name]
        for low, high in _SCALES:
            if low <= lowest and highest <= high:
                return low, high
        raise Unreadable("no_rating")


def as_feedback(score: Score, ranges: Ranges) -> tuple[FeedbackKind, dict[str, Any]]:
    """Kind and value. Raises Unreadable: a model's judgement is no feedback, and a score may be no rating."""
    if score.by_model:
        raise Unreadable("judged_by_model")
    value = score.value
    if value is None:
        raise Unreadable("no_rating")
    return ratings.as_feedback(score.name, value, ranges.scale(score.name), score.comment)
