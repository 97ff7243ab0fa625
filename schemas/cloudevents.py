"""The Kafka protocol binding of CloudEvents: where a record carries an event's attributes.

In: the headers of one record. Out: nothing where the value is the whole event (structured mode), or the attributes
where they are headers and the value is the data alone (binary mode). The rules are those of section 3 of the binding,
with one leniency: without any of the headers, the value is the whole event, as our own capture writes it.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

import msgspec
from feedwheel_capture.errors import without_values

from schemas.events import EventRejected

Headers = Sequence[tuple[str, bytes | None]]
"""Of one record; a name may come twice."""
Attributes = Mapping[str, str]
"""Of one event, as they are named in structured mode."""

_PREFIX: Final = "ce_"
_CONTENT_TYPE: Final = "content-type"
_STRUCTURED: Final = b"application/cloudevents"
_JSON_EVENT: Final = "application/cloudevents+json"
_JSON: Final = "application/json"
_REQUIRED: Final = ("ce_id", "ce_source", "ce_type", "ce_specversion")
_NAMES: Final[Mapping[str, str]] = {
    name: name.removeprefix(_PREFIX) for name in (*_REQUIRED, "ce_time", "ce_subject", "ce_dataschema")
} | {_CONTENT_TYPE: "datacontenttype"}
"""Headers that we read, and their attributes. Extensions are others, and ignored as unknown fields are."""
_CONTENT_TYPES: Final = 64
"""Remembered: every record has one, and a topic has few."""

_VALUE: Final = msgspec.json.Decoder(msgspec.Raw)


def binary_attributes(headers: Headers) -> Attributes | None:
    """The attributes of an event in binary mode, None in structured mode.

    Raises EventRejected: `bad_headers`, `unsupported_format`.
    """
    given = dict(headers)
    content_type = given.get(_CONTENT_TYPE)
    if content_type is not None and _is_whole(content_type):
        return None
    if given.keys().isdisjoint(_REQUIRED):
        return None
    if len(given) < len(headers):
        _check_once(headers)
    attributes = {_NAMES[name]: _text(name, value) for name, value in given.items() if name in _NAMES and value}
    if missing := [name for name in _REQUIRED if _NAMES[name] not in attributes]:
        raise EventRejected("bad_headers", f"no {', '.join(missing)}")
    if not _is_json(attributes.get("datacontenttype", _JSON)):
        raise EventRejected("unsupported_format", "content-type is not JSON")
    return attributes


def structured(attributes: Attributes, value: bytes) -> bytes:
    """The same event in structured mode. Raises EventRejected if the value is not JSON."""
    try:
        data = _VALUE.decode(value)  # to its end: what stands behind it would become part of the envelope
    except (msgspec.DecodeError, RecursionError) as error:
        raise EventRejected("not_json", without_values(error)) from None
    except UnicodeDecodeError:
        raise EventRejected("not_utf8", "the value is not UTF-8") from None
    return msgspec.json.encode({**attributes, "data": data})


def whole_event(headers: Headers, value: bytes) -> bytes:
    """The event of a record of either mode, in structured mode. Raises EventRejected."""
    attributes = binary_attributes(headers)
    return value if attributes is None else structured(attributes, value)


@lru_cache(_CONTENT_TYPES)
def _is_whole(content_type: bytes) -> bool:
    """Whether the value is a whole event. Raises EventRejected if it is one in another form than JSON."""
    if content_type[: len(_STRUCTURED)].lower() != _STRUCTURED:
        return False
    if _media_type(_text(_CONTENT_TYPE, content_type)) != _JSON_EVENT:
        raise EventRejected("unsupported_format", f"content-type is not {_JSON_EVENT}")
    return True


def _text(name: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise EventRejected("bad_headers", f"{name} is not UTF-8") from None


def _check_once(headers: Headers) -> None:
    names = [name for name, _ in headers if name in _NAMES]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise EventRejected("bad_headers", f"{', '.join(twice)} more than once")


def _media_type(content_type: str) -> str:
    """Without parameters: of JSON, there is only UTF-8."""
    return content_type.partition(";")[0].strip().lower()


@lru_cache(_CONTENT_TYPES)
def _is_json(content_type: str) -> bool:
    media_type = _media_type(content_type)
    return media_type == _JSON or media_type.endswith("+json")
