"""Redaction of events that nobody vouches for (I4).

In: a decoded event, and whether its topic is trusted. Out: the event with every text redacted and our stamp, or an
EventRejected. A stamp counts only on a trusted topic: anyone can write one. Identifiers cannot be redacted without
merging people, so a personal pattern in one rejects the record.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from feedwheel_capture.events import Event
from feedwheel_capture.patterns import find
from feedwheel_capture.redact import redact_event

from schemas.events import EventRejected

_OPAQUE: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32,128}")
"""UUIDs and digests: their digits can look like a phone or card number and never are one."""


def vouched(event: Event[Any], trusted: bool) -> Event[Any]:
    """The event as it may rest. Raises EventRejected (`redaction_failed`)."""
    if trusted and getattr(event.data, "redactor", _NOT_PERSONAL) is not None:
        return event
    try:
        event = msgspec.structs.replace(event, data=redact_event(event.data))
        leak = None if trusted else next(_leaks(event, "event"), None)
    except Exception as error:
        # Whatever broke, unredacted text must not pass; the record waits, encrypted, for a replay.
        raise EventRejected("redaction_failed", type(error).__name__) from None
    if leak is not None:
        raise EventRejected("redaction_failed", f"{leak} holds a personal pattern and is not a text")
    return event


_NOT_PERSONAL: Final = ""
"""Control records are about no person and carry no stamp."""


def _leaks(value: Any, name: str) -> Iterator[str]:
    """Names of fields in which a personal pattern is left."""
    match value:
        case str():
            if not _OPAQUE.fullmatch(value) and find(value):
                yield name
        case msgspec.Struct():
            for field in value.__struct_fields__:
                yield from _leaks(getattr(value, field), field)
        case dict():
            for item in value.items():
                yield from _leaks(item, name)
        case list() | tuple():
            for item in value:
                yield from _leaks(item, name)
