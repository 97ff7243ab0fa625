"""How good one answer was, by what its person said about it.

In: the feedback on one answer. Out: its quality in 0..1, or None where nothing was said that judges it. The canary
compares models by it. What a single value means is `feedback.polarity`'s business.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from feedwheel_capture.events import Feedback
from feedwheel_capture.vocabulary import FeedbackKind

from feedback.polarity import Circumstances, read
from feedback.taxonomy import TAXONOMY, Direction

_NOT_ABOUT_ONE_ANSWER: Final[frozenset[Direction]] = frozenset({"nps", "length", "diversity", "neutral"})
"""They judge the product or the conversation."""


@dataclass(frozen=True, slots=True)
class Said:
    """One feedback event, and when it was received."""

    time: datetime
    feedback: Feedback


def current(said: Iterable[Said]) -> list[Feedback]:
    """What still stands: the latest of each (response, person, kind, surface), without what was retracted."""
    latest: dict[tuple[str | None, str | None, FeedbackKind, str | None], Said] = {}
    for one in said:
        feedback = one.feedback
        key = (feedback.response_id, feedback.user_key, feedback.kind, feedback.surface)
        if key not in latest or latest[key].time <= one.time:
            latest[key] = one
    standing = [one for one in latest.values() if one.feedback.value is not None]
    return [one.feedback for one in sorted(standing, key=lambda one: one.time)]


def answer_quality(said: Iterable[Said], about: Circumstances) -> float | None:
    """Quality of one answer, 0 (of no use) to 1 (right), by the strongest thing said about it.

    Ratings keep their place on their scale, and an edit is against the answer as far as it changes what is said (one
    that sends the answer back unchanged is for it); everything else is 0 against the answer and 1 for it. Where several
    things were said, an explicit one beats an implicit one, then the kind of greater strength (`feedback.taxonomy`)
    wins, then the latest.
    """
    judgements = [
        (TAXONOMY[feedback.kind].explicit, TAXONOMY[feedback.kind].weight.strength, place, quality)
        for place, feedback in enumerate(current(said))
        if (quality := _quality(feedback, about)) is not None
    ]
    return max(judgements)[-1] if judgements else None


def _quality(feedback: Feedback, about: Circumstances) -> float | None:
    direction = TAXONOMY[feedback.kind].direction
    if feedback.value is None or direction in _NOT_ABOUT_ONE_ANSWER:
        return None
    reading = read(feedback.kind, feedback.value, about)
    if reading.polarity == 0 and direction != "rating":
        return None
    return (1 + reading.polarity * reading.share) / 2
