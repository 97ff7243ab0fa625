"""Decoding of events at the edge, and their published JSON Schema.

In: the bytes of one Kafka value and the topic it came from. Out: a checked `Event`, or an `EventRejected` that names
the reason. The records are defined once, in `feedwheel_capture.events`, because applications install only that.
"""

import functools
import operator
import re
from typing import Any, Final, Literal

import msgspec
from feedwheel_capture.catalogue import EVENT_TYPES, SCHEMA_VERSION, EventType, TopicName
from feedwheel_capture.errors import without_values
from feedwheel_capture.events import MAX_EVENT_BYTES, Event
from msgspec import inspect

from schemas.errors import ContractViolation

RejectReason = Literal[
    "too_large",
    "not_utf8",
    "not_json",
    "not_an_event",
    "unknown_type",
    "unsupported_version",
    "wrong_topic",
    "contract",
    "redaction_failed",
    "unreadable_headers",
    "bad_headers",
    "unsupported_format",
    "no_registry",
    "unknown_schema",
    "not_avro",
]


class EventRejected(ContractViolation):
    """A record that is not an event of the catalogue. `detail` names fields, never their content."""

    def __init__(self, reason: RejectReason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: RejectReason = reason
        self.detail = detail


class _Header(msgspec.Struct, frozen=True):
    """What must be read before the rest can be: which record the data is."""

    type: str
    data: msgspec.Raw


def _event_class(entry: EventType) -> Any:
    """`Event` of the entry's record, or of the union of its records."""
    envelope: Any = Event  # subscripted with a type known only at run time
    return envelope[functools.reduce(operator.or_, entry.records)]


_RECORD_INFO: Final[dict[str, Any]] = {
    entry.versioned_name: inspect.type_info(_event_class(entry)) for entry in EVENT_TYPES
}
_HEADER_DECODER: Final = msgspec.json.Decoder(_Header)
_DECODERS: Final[dict[str, msgspec.json.Decoder[Event[Any]]]] = {
    entry.versioned_name: msgspec.json.Decoder(_event_class(entry)) for entry in EVENT_TYPES
}
_TOPIC_OF_TYPE: Final[dict[str, TopicName]] = {entry.versioned_name: entry.topic for entry in EVENT_TYPES}
_VERSIONED: Final = re.compile(r"(?P<name>[a-z.]+)\.v(?P<major>\d+)")


def decode(value: bytes | None, topic: TopicName) -> Event[Any]:
    """Decode and check one Kafka value that arrived on a topic mapped to `topic`. Raises EventRejected."""
    event_type = _known_type(value)
    if _TOPIC_OF_TYPE[event_type] != topic:
        raise EventRejected("wrong_topic", f"{event_type} belongs on {_TOPIC_OF_TYPE[event_type]}")
    return _decode_as(event_type, value)


def decode_any(value: bytes | None) -> Event[Any]:
    """Decode and check one event of whatever type. Raises EventRejected."""
    return _decode_as(_known_type(value), value)


def _known_type(value: bytes | None) -> str:
    if value is None:
        raise EventRejected("not_an_event", "the record has no value")
    if len(value) > MAX_EVENT_BYTES:
        raise EventRejected("too_large", f"{len(value)} bytes, at most {MAX_EVENT_BYTES}")
    event_type = _read_type(value)
    if event_type not in _DECODERS:
        raise _unknown(event_type)
    return event_type


def _decode_as(event_type: str, value: bytes | None) -> Event[Any]:
    decoder = _DECODERS[event_type]
    try:
        try:
            return decoder.decode(value or b"")
        except msgspec.ValidationError:
            document = msgspec.json.decode(value or b"")
            return decoder.decode(msgspec.json.encode(_without_nulls(_RECORD_INFO[event_type], document)))
    except (msgspec.ValidationError, RecursionError) as error:
        raise EventRejected("contract", without_values(error)) from None
    except UnicodeDecodeError:
        raise EventRejected("not_utf8", "a text of the event is not UTF-8") from None


def _without_nulls(info: Any, document: Any) -> Any:
    """The document with fields that may be missing but not null left out where they are null: many writers say so."""
    match info, document:
        case inspect.UnionType(types=types), _:
            structured = [member for member in types if not isinstance(member, inspect.NoneType)]
            return _without_nulls(structured[0], document) if len(structured) == 1 else document
        case inspect.ListType(item_type=item), list():
            return [_without_nulls(item, each) for each in document]
        case inspect.StructType(fields=fields), dict():
            may_be_missing = {each.encode_name for each in fields if not (each.required or _may_be_null(each.type))}
            type_of = {each.encode_name: each.type for each in fields}
            return {
                name: _without_nulls(type_of.get(name), value)
                for name, value in document.items()
                if not (value is None and name in may_be_missing)
            }
    return document


def _may_be_null(info: Any) -> bool:
    return isinstance(info, inspect.UnionType) and info.includes_none


def _read_type(value: bytes) -> str:
    try:
        return _HEADER_DECODER.decode(value).type
    except msgspec.ValidationError as error:
        raise EventRejected("not_an_event", without_values(error)) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise EventRejected("not_json", without_values(error)) from None
    except UnicodeDecodeError:
        raise EventRejected("not_utf8", "the value is not UTF-8") from None


def _unknown(event_type: str) -> EventRejected:
    versioned = _VERSIONED.fullmatch(event_type)
    known = {entry.name for entry in EVENT_TYPES}
    if versioned and versioned["name"] in known:
        return unsupported_version(versioned["major"])
    return EventRejected("unknown_type", "the type is not in the catalogue")


def unsupported_version(major: str) -> EventRejected:
    """Of a record that a newer reader knows: it can be sent again after an upgrade."""
    return EventRejected("unsupported_version", f"major {major}, this reader knows {SCHEMA_VERSION}")


def json_schema(entry: EventType) -> dict[str, Any]:
    """JSON Schema (2020-12) of one event type, envelope included."""
    return msgspec.json.schema(_event_class(entry))
