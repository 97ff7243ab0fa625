"""What a detector is, and how it states a finding.

In: a conversation as `reading` read it, and what the detectors before found. Out: signals. A detector reads words or
acts; the taxonomy says what they weigh. A rule that is less sure than its kind says so by its `certainty`, which draws
the kind's confidence towards one half.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from feedwheel_capture.events import PersonalData
from feedwheel_capture.identity import Person
from feedwheel_capture.vocabulary import ComplaintCategory

from feedback.conversation import Reply, Turn
from feedback.detectors.reading import Reading
from feedback.signal import Signal
from feedback.taxonomy import TAXONOMY, Weights
from schemas.signals import Polarity, SignalKind


class Detector(Protocol):
    """Reads one family of signals. `version` changes whenever the same conversation could give other signals."""

    @property
    def name(self) -> str:
        """Name of the family."""

    @property
    def version(self) -> int:
        """Counts from 1."""

    def detect(self, reading: Reading, found: Sequence[Signal]) -> list[Signal]:
        """All signals of the family, a function of the conversation alone; `found` are those of detectors before."""


def label(detector: Detector) -> str:
    """What a signal says about its origin, for example `rephrase/1`."""
    return f"{detector.name}/{detector.version}"


def person_of(data: PersonalData) -> Person:
    """The hashed identity that an event carries."""
    return Person(data.user_key, data.user_key_id, data.split_bucket)


def in_words(
    detector: Detector,
    kind: SignalKind,
    reply: Reply,
    weights: Weights,
    *,
    certainty: float = 1.0,
    span: tuple[int, int] | None = None,
    category: ComplaintCategory | None = None,
) -> Signal:
    """A finding in what a person wrote: about the answer they had before them, never explicit."""
    weight = weights[kind]
    said = reply.said_in
    return Signal(
        kind=kind,
        explicit=False,
        polarity=_fixed_polarity(kind),
        strength=weight.strength,
        confidence=tempered(weight.confidence, certainty),
        response_id=reply.about.response_id,
        detector=label(detector),
        time=said.event.time,
        person=person_of(said.generation),
        simulated=said.generation.simulated,
        event_ids=(said.event.event_id,),
        text=reply.text,
        span=span or (0, len(reply.text)),
        category=category,
    )


def in_behaviour(
    detector: Detector,
    kind: SignalKind,
    about: Turn,
    weights: Weights,
    *,
    seen_in: Sequence[Turn] = (),
    time: datetime | None = None,
    certainty: float = 1.0,
    span: tuple[int, int] | None = None,
) -> Signal:
    """A finding in what happened: about one answer, seen in it and other turns, never explicit; `span` is in it."""
    seen = seen_in[-1] if seen_in else about
    return Signal(
        kind=kind,
        explicit=False,
        polarity=_fixed_polarity(kind),
        strength=weights[kind].strength,
        confidence=tempered(weights[kind].confidence, certainty),
        response_id=about.response_id,
        detector=label(detector),
        time=time or seen.event.time,
        person=person_of(seen.generation),
        simulated=seen.generation.simulated,
        event_ids=tuple(dict.fromkeys(turn.event.event_id for turn in (about, *seen_in))),
        span=span,
    )


def about_all(
    detector: Detector, kind: SignalKind, seen_in: Sequence[Turn], weights: Weights, polarity: Polarity
) -> Signal:
    """A finding in a conversation as a whole, seen in some of its turns, never explicit."""
    newest = seen_in[-1]
    return Signal(
        kind=kind,
        explicit=False,
        polarity=polarity,
        strength=weights[kind].strength,
        confidence=weights[kind].confidence,
        response_id=None,
        detector=label(detector),
        time=newest.event.time,
        person=person_of(newest.generation),
        simulated=newest.generation.simulated,
        event_ids=tuple(turn.event.event_id for turn in seen_in),
    )


def is_reported(kind: SignalKind, found: Sequence[Signal]) -> bool:
    """Whether the application has said itself what a detector would look for in the whole conversation."""
    return any(signal.kind == kind for signal in found)


def tempered(confidence: float, certainty: float) -> float:
    """A kind's confidence for a rule that is right in only `certainty` (0..1) of what the kind is right in."""
    return 0.5 + (confidence - 0.5) * certainty


def certainty(confidence: float, of_kind: float) -> float:
    """What `tempered` made of a kind's confidence: 0..1."""
    return (confidence - 0.5) / (of_kind - 0.5) if of_kind > 0.5 else 1.0


def _fixed_polarity(kind: SignalKind) -> Polarity:
    """Polarity of a kind that is read from words or acts: its direction does not depend on a value."""
    return 1 if TAXONOMY[kind].direction == "positive" else -1
