"""Which way a feedback value points, and how far.

In: kind and value of one feedback, and what its meaning depends on. Out: a polarity, and the share of the kind's
strength that this value carries. Total: every valid value has a reading.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import isinf
from typing import Final

from feedwheel_capture.events import FeedbackValue
from feedwheel_capture.vocabulary import AppType, FeedbackKind, GradedChoice

from feedback import edits
from feedback.taxonomy import TAXONOMY, Direction
from schemas.signals import Polarity

LENGTH_POLARITY: Final[dict[AppType, Polarity]] = {"task": -1, "support": -1, "companion": 1, "assistant": 0}
"""A long conversation is a companion's aim and a task's failure; an assistant's may be either."""

GRADES: Final[dict[GradedChoice, tuple[Polarity, float]]] = {
    "upscale": (1, 1.0),
    "variation": (1, 0.5),
    "regenerate": (-1, 0.5),
}

POSITIVE_ACTIONS: Final = frozenset({"accept", "apply", "buy", "click", "confirm", "copy", "insert"})
NEGATIVE_ACTIONS: Final = frozenset({"dismiss", "reject", "undo"})

LEAST_OF_AN_EDIT: Final[dict[edits.EditType, float]] = {"style": 0.3, "content": 0.8}
"""Share of its strength that the smallest edit carries; the rest grows with its distance."""

PROMOTER, DETRACTOR = 0.9, 0.6
"""Places on the scale, 9 and 6 of 0..10: the definition of the net promoter score."""

LOW_DIVERSITY: Final = 0.3
"""Distinct words per word below which a dialogue repeats itself."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the meaning of a value depends on. `shown` is the answer it is about, None where unknown or withheld."""

    app_type: AppType
    response_id: str | None = None
    shown: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """`share` (0..1) is the part of the kind's strength that this value carries."""

    polarity: Polarity
    share: float = 1.0


def read(kind: FeedbackKind, value: FeedbackValue, about: Circumstances) -> Reading:
    """The reading of one feedback that was not retracted."""
    return _READERS[TAXONOMY[kind].direction](value, about)


def _sign(number: float) -> Polarity:
    return 1 if number > 0 else -1 if number < 0 else 0


def place(rating: float, scale: tuple[float, float]) -> float:
    """Place of a rating on its scale, 0..1."""
    low, high = scale
    if isinf(high - low):  # the ends are numbers, and their distance is none
        rating, low, high = rating / 2, low / 2, high / 2
    return (rating - low) / (high - low)


def _place(value: FeedbackValue) -> float:
    """The middle where there is none."""
    return 0.5 if value.rating is None or value.scale is None else place(value.rating, value.scale)


def _rating(value: FeedbackValue, _: Circumstances) -> Reading:
    from_middle = 2 * _place(value) - 1
    return Reading(_sign(from_middle), abs(from_middle))


def _nps(value: FeedbackValue, _: Circumstances) -> Reading:
    place = _place(value)
    return Reading(1 if place >= PROMOTER else -1 if place <= DETRACTOR else 0)


def _edit(value: FeedbackValue, about: Circumstances) -> Reading:
    if value.edited_output is None or about.shown is None:
        return Reading(-1)
    edit = edits.compare(about.shown, value.edited_output)
    if edit.type == "unchanged":
        return Reading(1)
    least = LEAST_OF_AN_EDIT[edit.type]
    return Reading(-1, least + (1 - least) * edit.distance)


def _choice(value: FeedbackValue, about: Circumstances) -> Reading:
    if about.response_id is None:
        return Reading(0)
    return Reading(1 if value.chosen == about.response_id else -1)


def _grade(value: FeedbackValue, _: Circumstances) -> Reading:
    return Reading(0) if value.grade is None else Reading(*GRADES[value.grade])


def _action(value: FeedbackValue, _: Circumstances) -> Reading:
    return Reading(1 if value.action in POSITIVE_ACTIONS else -1 if value.action in NEGATIVE_ACTIONS else 0)


def _length(_: FeedbackValue, about: Circumstances) -> Reading:
    return Reading(LENGTH_POLARITY[about.app_type])


def _diversity(value: FeedbackValue, _: Circumstances) -> Reading:
    return Reading(-1 if value.number is not None and value.number < LOW_DIVERSITY else 0)


_READERS: Final[dict[Direction, Callable[[FeedbackValue, Circumstances], Reading]]] = {
    "negative": lambda value, about: Reading(-1),
    "positive": lambda value, about: Reading(1),
    "neutral": lambda value, about: Reading(0),
    "rating": _rating,
    "nps": _nps,
    "edit": _edit,
    "choice": _choice,
    "grade": _grade,
    "action": _action,
    "length": _length,
    "diversity": _diversity,
}
