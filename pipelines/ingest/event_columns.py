"""Columns of decoded events: the part of a bronze row that only an accepted record has.

In: events of one table, None where a record was rejected. Out: one Arrow array per column of the contract, null for
those. Events are turned around type by type, since all fields of one type come as a tuple at once.
"""

from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, Final, get_origin

import msgspec
import pyarrow as pa
from feedwheel_capture.catalogue import TYPE_OF_RECORD
from feedwheel_capture.events import Event
from msgspec.structs import astuple, fields

from schemas.tables import TABLE_OF_TOPIC, TABLES, BronzeTable

UNSTORABLE: Final = (OverflowError, pa.ArrowInvalid)
"""What building columns raises where a value is valid JSON but does not fit its column."""

_ENVELOPE_FIELDS: Final = ("id", "source", "type", "time", "subject")
_ENVELOPE: Final = attrgetter(*_ENVELOPE_FIELDS)


class EventColumns:
    """Builds the event columns of one table."""

    def __init__(self, table: BronzeTable) -> None:
        schema = TABLES[table].schema
        self._types: list[Any] = [
            record for record, entry in TYPE_OF_RECORD.items() if TABLE_OF_TOPIC[entry.topic] == table
        ]
        carried = {name for record in self._types for name in (*record.__struct_fields__, _tag_field(record))}
        envelope = [schema.field(f"event_{name}") for name in _ENVELOPE_FIELDS]
        self._data_fields = [field for field in schema if field.name in carried]
        self._schema = pa.schema(envelope + self._data_fields)

    def build(self, events: Sequence[Event[Any] | None]) -> pa.Table:
        """One row per event, null where there is none. Raises UNSTORABLE errors."""
        tables, places = [self._schema.empty_table()], list[int]()
        for record in self._types:
            here = [place for place, event in enumerate(events) if event is not None and type(event.data) is record]
            if here:
                tables.append(self._of_one_type(record, [events[place] for place in here]))
                places += here
        built = pa.concat_tables(tables)
        if places == list(range(len(events))):
            return built
        row_of = {place: row for row, place in enumerate(places)}
        return built.take(pa.array([row_of.get(place) for place in range(len(events))], pa.int64()))

    def of_structs(self, events: pa.StructArray) -> pa.Table:
        """One row per event of one record, whose fields are columns already."""
        data = events.field("data")
        columns = [events.field(name) for name in _ENVELOPE_FIELDS]
        for field in self._data_fields:
            there = data.type.get_field_index(field.name) >= 0
            columns.append(data.field(field.name) if there else pa.nulls(len(events), field.type))
        return pa.table(columns, schema=self._schema)

    def _of_one_type(self, record: Any, events: Sequence[Any]) -> pa.Table:
        envelope = list(zip(*map(_ENVELOPE, events), strict=True))
        arrays = [pa.array(values, field.type) for values, field in zip(envelope, self._schema, strict=False)]
        names, columns = record.__struct_fields__, zip(*(astuple(event.data) for event in events), strict=True)
        values = dict(zip(names, columns, strict=True))
        if (tag_field := _tag_field(record)) is not None:
            values[tag_field] = (record.__struct_config__.tag,) * len(events)
        mappings = {field.name for field in fields(record) if get_origin(field.type) is dict}
        for field in self._data_fields:
            if field.name not in values:
                arrays.append(pa.nulls(len(events), field.type))
            elif field.name in mappings:
                arrays.append(pa.array([_canonical_json(value) for value in values[field.name]], field.type))
            else:
                arrays.append(_array(values[field.name], field.type))
        return pa.table(arrays, schema=self._schema)


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_nested(kind):
        values = msgspec.to_builtins(values, builtin_types=(datetime,))
    return pa.array(values, kind)


def _tag_field(record: Any) -> str | None:
    name: str | None = record.__struct_config__.tag_field
    return name


def _canonical_json(value: Any) -> str:
    return msgspec.json.encode(value, order="sorted").decode()
