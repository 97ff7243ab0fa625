"""Redaction of events that nobody vouches for (I4).

In: a decoded event, and whether its topic is trusted. Out: the event with every text redacted and our stamp, or an
EventRejected. A stamp counts only on a trusted topic: anyone can write one; and even there a sample is looked through.
Identifiers cannot be redacted without merging people, so a personal pattern in one rejects the record.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from feedwheel_capture.events import Event
from feedwheel_capture.patterns import find
from feedwheel_capture.redact import redact_event

from pipelines.ingest.manifest import Redaction
from schemas.events import EventRejected

_OPAQUE: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32,128}")
"""UUIDs and digests: their digits can look like a phone or card number and never are one."""


def is_vouched(event: Event[Any], trusted: bool) -> bool:
    """Whether its producer says, and may say, that it is redacted. Control records are about no person."""
    return trusted and getattr(event.data, "redactor", _NOT_PERSONAL) is not None


_NOT_PERSONAL: Final = ""


def redacted(event: Event[Any], trusted: bool) -> tuple[Event[Any], Redaction]:
    """The event as it may rest, whoever vouches for it. Raises EventRejected (`redaction_failed`)."""
    try:
        data = redact_event(event.data)
        clean = msgspec.structs.replace(event, data=data)
        leak = None if trusted else next(_leaks(clean, "event"), None)
    except Exception as error:
        # Whatever broke, unredacted text must not pass; the record waits, encrypted, for a replay.
        raise EventRejected("redaction_failed", type(error).__name__) from None
    if leak is not None:
        raise EventRejected("redaction_failed", f"{leak} holds a personal pattern and is not a text")
    if not is_vouched(event, trusted):
        return clean, "redacted"
    return (event, "audited") if _says_the_same(data, event.data) else (clean, "leaked")


def _says_the_same(redacted_data: Any, data: Any) -> bool:
    """But for the stamp, which another version of the redactor may have set."""
    stamp = getattr(data, "redactor", None)
    return bool(data == (msgspec.structs.replace(redacted_data, redactor=stamp) if stamp else redacted_data))


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
