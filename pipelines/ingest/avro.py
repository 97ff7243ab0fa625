"""Confluent-framed Avro to whole events in JSON, which is what everything else decodes.

In: a value of five bytes (0, and the id of its writer's schema, big-endian) and a record. Out: the event as our own
schema reads it, so that a writer of any compatible schema is read as Avro's resolution says. Writers are not trusted:
neither their bytes nor their schemas can hold or end the process.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Any, Final

import fastavro
import msgspec
from feedwheel_capture.catalogue import EventType
from feedwheel_capture.events import MAX_EVENT_BYTES

from pipelines.io.schema_registry import RegisteredSchema, Registry, SchemaRegistry
from schemas.avro import avro_schema, reader_of
from schemas.events import EventRejected

_MAGIC: Final = b"\0"
_FRAME_BYTES: Final = 5
_NOT_FINITE: Final = (b"\x7f", b"\xff")
"""The last byte of a number that is not finite. To look for them takes no time, to look through an event a quarter of
what reading it does."""


def is_framed(value: bytes | None) -> bool:
    """Whether a value says that it is framed; no JSON begins so."""
    return value is not None and value[:1] == _MAGIC


@dataclass(frozen=True, slots=True)
class Schemas:
    """As fastavro takes them. `reader` is None where the writer used ours: that takes half the time.

    `nulls`: names of fields that may be null and not missing.
    """

    writer: Any
    reader: Any
    nulls: frozenset[str]


class AvroReader:
    """Reads framed values; `registry` None reads none."""

    def __init__(self, registry: Registry | None) -> None:
        self._registry = SchemaRegistry(registry) if registry else None
        self._schemas: dict[int, Schemas] = {}

    def whole_event(self, value: bytes) -> bytes:
        """The event in JSON. Raises EventRejected, and InfrastructureError where the registry does not answer."""
        if len(value) < _FRAME_BYTES:
            raise EventRejected("not_avro", "the frame ends before the schema's id")
        if len(value) > MAX_EVENT_BYTES:
            raise EventRejected("too_large", f"{len(value)} bytes, at most {MAX_EVENT_BYTES}")
        schemas = self._schemas_of(int.from_bytes(value[1:_FRAME_BYTES], "big"))
        record = BytesIO(value)
        record.seek(_FRAME_BYTES)
        try:
            event: Any = fastavro.schemaless_reader(record, schemas.writer, schemas.reader)
        except UnicodeDecodeError:
            raise EventRejected("not_utf8", "a text of the event is not UTF-8") from None
        except fastavro.read.SchemaResolutionError:
            raise EventRejected("contract", "its schema and ours do not agree on the type of a field") from None
        except Exception as error:  # bytes of anybody in a reader of others: whatever it raises is about them
            raise EventRejected("not_avro", f"not of its schema: {type(error).__name__}") from None
        if record.tell() != len(value):
            raise EventRejected("not_avro", "bytes are left behind the record")
        if any(byte in value for byte in _NOT_FINITE) and not _is_finite(event):
            raise EventRejected("contract", "a number is not finite")
        return msgspec.json.encode(_without_nulls(event, schemas.nulls))

    def _schemas_of(self, schema_id: int) -> Schemas:
        if (known := self._schemas.get(schema_id)) is not None:
            return known
        if self._registry is None:
            raise EventRejected("no_registry", f"Avro of schema {schema_id}: set FEEDWHEEL_SCHEMA_REGISTRY_URL")
        registered = self._registry.schema(schema_id)
        if registered is None:
            raise EventRejected("unknown_schema", f"the registry has no schema {schema_id}")
        found = schemas_of(schema_id, registered)
        self._schemas[schema_id] = found
        return found


def schemas_of(schema_id: int, registered: RegisteredSchema) -> Schemas:
    """A writer's schema and ours of the same name. Raises EventRejected where it is none that we read."""
    if registered.type != "AVRO" or registered.has_references:
        raise EventRejected("unsupported_format", f"schema {schema_id} is not Avro, or refers to others")
    try:
        writer = _parsed(registered.text)
        _check_bounded(writer, frozenset())
    except _Unbounded as error:
        raise EventRejected("unsupported_format", f"schema {schema_id} {error}") from None
    except Exception:  # a schema of anybody in a parser of others
        raise EventRejected("unsupported_format", f"schema {schema_id} is not Avro") from None
    reader = _reader(reader_of(writer["name"] if isinstance(writer, dict) and "name" in writer else ""))
    same = _meaning(writer) == _meaning(reader)
    return Schemas(writer, None if same else reader, frozenset(_null_and_required(reader)))


def _parsed(text: str) -> Any:
    schema = json.loads(text)
    if isinstance(schema, dict) and not schema.keys().isdisjoint(_PARSED):
        raise ValueError("says of itself that it has been checked")
    return fastavro.parse_schema(schema)


_PARSED: Final = ("__fastavro_parsed", "__named_schemas")
"""Where fastavro leaves what it has parsed; it would take a writer's word for it."""
_SAID: Final = frozenset({"doc", "default", *_PARSED})
"""Of a writer's schema: nothing that changes what its bytes mean."""


def _meaning(schema: Any) -> Any:
    match schema:
        case dict():
            return {name: _meaning(value) for name, value in schema.items() if name not in _SAID}
        case list():
            return [_meaning(each) for each in schema]
    return schema


@cache
def _reader(entry: EventType) -> Any:
    return fastavro.parse_schema(dict(avro_schema(entry)))


def _null_and_required(schema: Any) -> Iterator[str]:
    match schema:
        case {"fields": fields}:
            for each in fields:
                if isinstance(each["type"], list) and "default" not in each:
                    yield each["name"]
                yield from _null_and_required(each["type"])
        case list():
            for branch in schema:
                yield from _null_and_required(branch)
        case {"items": item}:
            yield from _null_and_required(item)


def _without_nulls(record: Mapping[str, Any], nulls: frozenset[str]) -> dict[str, Any]:
    """Without what is as good as missing, as other writers leave it out: every column that is there costs its reading.

    In lists it may stay.
    """
    return {
        name: _without_nulls(value, nulls) if type(value) is dict else value
        for name, value in record.items()
        if value is not None or name in nulls
    }


class _Unbounded(Exception):
    """A few bytes of such a schema could hold the process for ever, or end it."""


def _check_bounded(schema: Any, inside: frozenset[str]) -> None:
    """Every value must take a byte at least, and none may hold another of its own type, at any depth."""
    match schema:
        case "null":
            raise _Unbounded("has values that take no byte")
        case str():
            if schema in inside:
                raise _Unbounded("holds itself")
        case list():
            for each in schema:
                if each != "null":
                    _check_bounded(each, inside)
        case {"type": "record" | "error", "name": name, "fields": fields}:
            if not fields:
                raise _Unbounded("has values that take no byte")
            for each in fields:
                _check_bounded(each["type"], inside | {name})
        case {"type": "array", "items": item} | {"type": "map", "values": item}:
            _check_bounded(item, inside)
        case {"type": "fixed", "size": size}:
            if size < 1:
                raise _Unbounded("has values that take no byte")
        case {"type": "enum"}:
            pass
        case Mapping():
            _check_bounded(schema["type"], inside)


def _is_finite(value: Any) -> bool:
    """JSON has no other numbers, and writing would turn them into null."""
    match value:
        case float():
            return math.isfinite(value)
        case dict():
            return all(map(_is_finite, value.values()))
        case list():
            return all(map(_is_finite, value))
    return True
