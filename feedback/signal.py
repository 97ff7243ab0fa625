"""A signal: one thing that one person's words or acts say about one answer, or about a whole conversation."""

from datetime import datetime

from feedwheel_capture.events import Candidate
from feedwheel_capture.identity import Person
from feedwheel_capture.vocabulary import ComplaintCategory
from msgspec import Struct

from schemas.signals import Polarity, SignalKind


class Signal(Struct, frozen=True):
    """What a detector found. `response_id` is the answer it judges, None for the conversation as a whole.

    `strength` 0..1, `confidence` 0.5..1 that the direction is right. `span` is the part of `text` that says so, or,
    where there is no text, of the answer, in code points, half-open. `event_ids` are the events it was read from.
    Of a choice, `options` are the answers that were shown side by side, and `chosen` is one's response id.
    """

    kind: SignalKind
    explicit: bool
    polarity: Polarity
    strength: float
    confidence: float
    response_id: str | None
    detector: str
    time: datetime
    person: Person
    simulated: bool
    event_ids: tuple[str, ...]
    text: str | None = None
    span: tuple[int, int] | None = None
    surface: str | None = None
    category: ComplaintCategory | None = None
    edited_output: str | None = None
    options: tuple[Candidate, ...] | None = None
    chosen: str | None = None
