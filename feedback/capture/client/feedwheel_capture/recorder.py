"""Recording: consent, redaction, envelope, spool. The one way an event of ours is made.

In: an event record. Out: its id, once it is on disk. What a person did not allow, and what is recognisably personal,
is gone before the first byte is written (I4, I7).
"""

from collections.abc import Callable
from datetime import datetime

from feedwheel_capture.catalogue import event_type, kafka_key
from feedwheel_capture.consent import apply_consent
from feedwheel_capture.errors import EventTooLarge
from feedwheel_capture.events import (
    MAX_EVENT_BYTES,
    Event,
    EventData,
    Exposure,
    Feedback,
    Generation,
    encode,
)
from feedwheel_capture.ids import uuid7
from feedwheel_capture.redact import PATTERNS, Redactor
from feedwheel_capture.spool import Record, Spool


class Recorder:
    """Makes events of records and stores them.

    `waits_for_disk`: return only when an event would survive the machine, as whoever promises that must; otherwise it
    survives the process at once, and the machine a moment later.
    """

    def __init__(
        self,
        source: str,
        spool: Spool,
        clock: Callable[[], datetime],
        redactor: Redactor = PATTERNS,
        *,
        waits_for_disk: bool = True,
    ) -> None:
        self._source = source
        self._store: Callable[[Record], object] = spool.append if waits_for_disk else spool.write
        self._clock = clock
        self._redactor = redactor

    def record(self, data: EventData, event_id: str | None = None) -> str | None:
        """Store one event and return its id; None if the person allowed nothing to be stored.

        `event_id` is the caller's idempotency key; without it one is minted. Raises EventRefused.
        """
        allowed = apply_consent(data)
        if allowed is None:
            return None
        event = make_event(allowed, self._source, self._clock(), event_id, self._redactor)
        self._store(to_record(event))
        return event.id


def make_event(
    data: EventData, source: str, now: datetime, event_id: str | None = None, redactor: Redactor = PATTERNS
) -> Event[EventData]:
    """Redact a record and put it into its envelope. Raises RedactionFailed."""
    return envelope(redactor.redact_event(data), source, now, event_id or uuid7(now))


def envelope(data: EventData, source: str, now: datetime, event_id: str) -> Event[EventData]:
    """The event of a record as it is."""
    conversation = data.conversation_id if isinstance(data, Generation | Feedback | Exposure) else None
    return Event(
        id=event_id,
        source=source,
        type=event_type(data).versioned_name,
        time=now,
        subject=conversation,
        data=data,
    )


def to_record(event: Event[EventData]) -> Record:
    """The Kafka record of an event. Raises EventTooLarge."""
    value = encode(event)
    if len(value) > MAX_EVENT_BYTES:
        raise EventTooLarge(f"an event has {len(value)} bytes, at most {MAX_EVENT_BYTES}")
    return Record(event_type(event.data).topic, kafka_key(event), value)
