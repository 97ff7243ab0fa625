"""The Avro schemas of the event records, derived from them as the JSON Schemas are.

In: a line of the catalogue. Out: its schema (Avro 1.11), envelope included, under a full name that says record and
major version. What is optional has a default, so that a reader of any version reads what a writer of any other wrote.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from feedwheel_capture.catalogue import EVENT_TYPES, SCHEMA_VERSION, EventType
from feedwheel_capture.events import Event
from msgspec import inspect

from schemas.events import EventRejected, unsupported_version

AvroSchema = Mapping[str, Any]

_NAMESPACE: Final = f"feedwheel.v{SCHEMA_VERSION}"
_FULL_NAME: Final = re.compile(r"feedwheel\.v(?P<major>\d+)\.(?P<name>\w+)")
_SCALARS: Final[Mapping[type, Any]] = {
    inspect.StrType: "string",
    inspect.BoolType: "boolean",
    inspect.IntType: "long",
    inspect.FloatType: "double",
    inspect.DateTimeType: {"type": "long", "logicalType": "timestamp-micros"},
}


def avro_schema(entry: EventType) -> AvroSchema:
    """The schema of one event type. Raises TypeError for one that has no single record."""
    (record,) = entry.records
    envelope: Any = Event  # subscripted with a type known only at run time
    info = inspect.type_info(envelope[record])
    assert isinstance(info, inspect.StructType)  # narrows the type; an event is a Struct
    return {**_Schema().of(info, _event_name(entry), ""), "namespace": _NAMESPACE}


def reader_of(full_name: str) -> EventType:
    """The event type that reads what was written with a schema of that name. Raises EventRejected."""
    versioned = _FULL_NAME.fullmatch(full_name)
    entry = _TYPE_OF_NAME.get(versioned["name"]) if versioned else None
    if versioned is None or entry is None:
        raise EventRejected("unknown_type", "the schema's name is that of no published schema")
    if int(versioned["major"]) != SCHEMA_VERSION:
        raise unsupported_version(versioned["major"])
    return entry


def _event_name(entry: EventType) -> str:
    return f"{entry.records[0].__name__}Event"


AVRO_TYPES: Final = tuple(entry for entry in EVENT_TYPES if len(entry.records) == 1)
"""What applications send. Control records are Feedwheel's own: several share a type, and one holds a mapping."""
_TYPE_OF_NAME: Final[Mapping[str, EventType]] = {_event_name(entry): entry for entry in AVRO_TYPES}


class _Schema:
    """One schema. A named type is written where it is met first, and named wherever it is met again."""

    def __init__(self) -> None:
        self._written: set[str] = set()

    def of(self, info: Any, name: str, field: str) -> Any:
        """The schema of a type. `name` is that of the record around it, `field` that of its place in there."""
        match info:
            case inspect.UnionType(types=types):
                (only,) = (member for member in types if not isinstance(member, inspect.NoneType))
                return ["null", self.of(only, name, field)]
            case inspect.StructType():
                return self._record(info, name if not field else info.cls.__name__)
            case inspect.ListType(item_type=item) | inspect.TupleType(item_types=(item, *_)):
                return {"type": "array", "items": self.of(item, name, field)}
            case inspect.LiteralType(values=symbols):
                return self._named({"type": "enum", "name": name + _capitalised(field), "symbols": list(symbols)})
        return _SCALARS[type(info)]

    def _record(self, info: inspect.StructType, name: str) -> Any:
        if name in self._written:
            return name
        doc = (getattr(info.cls, "__origin__", info.cls).__doc__ or "").partition("\n")[0]
        fields = [self._field(each, name) for each in info.fields]
        return self._named({"type": "record", "name": name, "doc": doc, "fields": fields})

    def _named(self, schema: dict[str, Any]) -> Any:
        if schema["name"] in self._written:
            return schema["name"]
        self._written.add(schema["name"])
        return schema

    def _field(self, each: inspect.Field, record: str) -> dict[str, Any]:
        schema = {"name": each.encode_name, "type": self.of(each.type, record, each.encode_name)}
        return schema if each.required else {**schema, "default": _default(each)}


def _default(each: inspect.Field) -> Any:
    value = each.default_factory() if each.default is msgspec.NODEFAULT else each.default
    return msgspec.to_builtins(value)


def _capitalised(field: str) -> str:
    return "".join(part.capitalize() for part in field.split("_"))
