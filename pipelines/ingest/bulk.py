"""Kafka values to event columns at once: what surely is an event that keeps the contract, and needs no closer look.

In: values of one batch. Out: event columns of the sure ones, and which they are. Everything else is decided one by one
by the record itself (`schemas.events.decode`): whatever happens here changes how fast a row comes about, never the row.

1. take the values that can only be one JSON object each: they begin and end in braces, so that, a line each, no object
   can reach from one into the next;
2. read them to one struct column, around those that stop the reader; where values are the data alone, the attributes
   become columns beside it;
3. check them, record by record, column by column.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json
from feedwheel_capture.catalogue import EVENT_TYPES
from feedwheel_capture.events import MAX_EVENT_BYTES

from pipelines.ingest.column_rules import EventRules, Places, event_info, json_type
from schemas.cloudevents import Attributes
from schemas.tables import TABLE_OF_TOPIC, BronzeTable

_FAILED_ROW: Final = re.compile(r" in row (\d+)")
_ANOTHER_FIELD: Final = "unexpected field"
"""Of the reader's messages."""
_NO_NUMBER: Final = re.compile(rb"[:\[,]\s*-?(?:NaN|Inf)")
"""What the reader takes for a number and JSON does not have."""
_NARROWINGS: Final = 3
"""How often to look which fields objects have; after that, they differ too much."""
_DATA: Final = "data"
_ENVELOPE_BYTES: Final = 200
"""Of an event: the names of its attributes, and what stands around them."""
_MAX_NESTING: Final = 500
"""Objects and lists opened in one value. The reader follows any depth, Python half of its recursion limit of 1000."""


@dataclass(frozen=True, slots=True)
class Sure:
    """Events of one type that surely keep the contract, as a struct column, and their places among the values."""

    places: Places
    events: pa.StructArray


class BulkDecoder:
    """Decodes the values of a table's topics. Raises TypeError where a record holds a mapping: it has no columns."""

    def __init__(self, table: BronzeTable) -> None:
        entries = [entry for entry in EVENT_TYPES if TABLE_OF_TOPIC[entry.topic] == table]
        records = [record for entry in entries for record in entry.records]
        self._rules = {entry.versioned_name: EventRules(record) for entry in entries for record in entry.records}
        schema = _json_schema(records)
        self._envelope = [each for each in schema if each.name != _DATA]
        self._documents = Documents(schema, _DATA)
        self._data = Documents(pa.schema(list(schema.field(_DATA).type)))

    def decode(self, values: Sequence[bytes | None]) -> list[Sure]:
        """What surely is an event; places that no part names are to be decided one by one."""
        texts = [value or b"" for value in values]
        return [
            sure
            for there, documents in _read(self._documents, texts)  # 1, 2
            for sure in self._checked(texts.__getitem__, there, documents)  # 3
        ]

    def decode_data(self, values: Sequence[bytes | None], attributes: Sequence[Attributes]) -> list[Sure]:
        """As `decode`, where values are the data of events with these attributes."""
        texts = [value if value and _fits(value, of) else b"" for value, of in zip(values, attributes, strict=True)]
        return [
            sure
            for there, data in _read(self._data, texts)  # 1, 2
            for sure in self._checked(
                lambda place: b'{"data":%b}' % texts[place],
                there,
                self._in_envelopes(data, [attributes[place] for place in there.tolist()]),
            )  # 3
        ]

    def _in_envelopes(self, data: pa.StructArray, attributes: Sequence[Attributes]) -> pa.StructArray:
        columns = [pa.array([of.get(each.name) for of in attributes], each.type) for each in self._envelope]
        fields = [*self._envelope, pa.field(_DATA, data.type)]
        return pa.StructArray.from_arrays([*columns, data], fields=fields)

    def _checked(self, text_of: Callable[[int], bytes], places: Places, documents: pa.StructArray) -> Iterator[Sure]:
        for name, rules in self._rules.items():
            here, events = places, documents
            of_type = pc.equal(documents.field("type"), name).fill_null(False)
            if of_type.true_count < len(documents):
                here, events = places[of_type.to_numpy(zero_copy_only=False)], documents.filter(of_type)
            if len(events):
                events, doubts = rules.check(events)
                sure = ~doubts.found
                for row in np.flatnonzero(sure & doubts.of_presence).tolist():
                    sure[row] = rules.has_what_it_must(text_of(here[row]))
                yield Sure(here, events) if sure.all() else Sure(here[sure], events.filter(pa.array(sure)))


def _fits(data: bytes, attributes: Attributes) -> bool:
    """Whether the event is surely not too large: a character of an attribute is at most six of JSON."""
    return len(data) + 6 * sum(map(len, attributes.values())) + _ENVELOPE_BYTES <= MAX_EVENT_BYTES


def _read(documents: "Documents", texts: Sequence[bytes]) -> Iterator[tuple[Places, pa.StructArray]]:
    """Stretches of the texts that can be read; one that cannot is left out."""
    lines = b"\n".join(texts)
    places = plain_objects(texts, lines)  # 1
    yield from _stretches(documents, texts, places, lines if len(places) == len(texts) else None)  # 2


def _stretches(
    documents: "Documents", texts: Sequence[bytes], places: Places, lines: bytes | None = None
) -> Iterator[tuple[Places, pa.StructArray]]:
    """`lines`: all of the texts, if they are there."""
    while len(places):
        try:
            read = documents.read(lines or b"\n".join([texts[place] for place in places.tolist()]))
        except pa.ArrowInvalid as error:
            found = _FAILED_ROW.search(str(error))
            failed = int(found[1]) if found else len(places)
            if failed >= len(places):
                return  # some number fits no column, or one text holds several objects
            yield from _stretches(documents, texts, places[:failed])
            places, lines = places[failed + 1 :], None
            continue
        if len(read) == len(places):  # else one value holds several objects
            yield places, read
        return


class Documents:
    """Reads JSON objects to structs of a schema.

    A column costs its reading even where no object has it: a third of all time for events of which most are optional.
    So only those are read that objects had before; one with any other field stops the reader, and all are read. Threads
    may share it: what it remembers decides how much is read, never what comes out.

    `inside`: the field whose fields come and go, None if they are those of the objects themselves.
    """

    def __init__(self, schema: pa.Schema, inside: str | None = None) -> None:
        self._all = schema
        self._inside = inside
        self._fields = list(schema if inside is None else schema.field(inside).type)
        self._met: pa.Schema | None = None
        self._names = frozenset[str]()
        self._left_to_try = _NARROWINGS

    def read(self, lines: bytes) -> pa.StructArray:
        """One struct for each object. Raises pa.ArrowInvalid."""
        if (met := self._met) is not None:
            try:
                return self._widened(_read_json(lines, met, "error"))
            except pa.ArrowInvalid as error:
                if _ANOTHER_FIELD not in str(error):
                    raise
        read = _read_json(lines, self._all, "ignore")
        self._met = self._narrowed(lines) if self._left_to_try else None
        self._left_to_try = max(self._left_to_try - 1, 0)
        return self._widened(read)

    def _narrowed(self, lines: bytes) -> pa.Schema | None:
        """The schema with those fields of the data that objects had so far, null or not."""
        try:
            there = _read_json(lines, pa.schema([]), "infer").type
        except pa.ArrowInvalid:
            return None
        if self._inside is not None:
            at = there.get_field_index(self._inside)
            there = there.field(at).type if at >= 0 else pa.struct([])
        if pa.types.is_struct(there):
            self._names |= {each.name for each in there}
        met = [each for each in self._fields if each.name in self._names]
        if self._inside is None:
            return pa.schema(met)
        return self._all.set(self._all.get_field_index(self._inside), pa.field(self._inside, pa.struct(met)))

    def _widened(self, read: pa.StructArray) -> pa.StructArray:
        """With every field of the schema, null where it was not read."""
        if self._inside is None:
            return self._with_all_fields(read)
        whole = self._with_all_fields(read.field(self._inside))
        columns = [whole if name == self._inside else read.field(name) for name in self._all.names]
        return pa.StructArray.from_arrays(columns, fields=list(self._all))

    def _with_all_fields(self, read: pa.StructArray) -> pa.StructArray:
        columns = [
            read.field(each.name) if read.type.get_field_index(each.name) >= 0 else pa.nulls(len(read), each.type)
            for each in self._fields
        ]
        return pa.StructArray.from_arrays(columns, fields=self._fields, mask=read.is_null())


def _read_json(lines: bytes, schema: pa.Schema, others: Literal["ignore", "error", "infer"]) -> pa.StructArray:
    reading = pyarrow.json.ReadOptions(use_threads=False, block_size=max(len(lines), 1))
    parsing = pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior=others)
    table = pyarrow.json.read_json(pa.BufferReader(lines), reading, parsing)
    return table.combine_chunks().to_struct_array().chunk(0)


def plain_objects(texts: Sequence[bytes], lines: bytes) -> Places:
    """Places of texts that are JSON objects, one or more each, if they are JSON, and that every reader reads alike."""
    sizes = np.fromiter(map(len, texts), np.int64, len(texts))
    ends = np.cumsum(sizes + 1) - 1
    characters = np.frombuffer(lines, np.uint8)
    plain = (sizes > 1) & (sizes <= MAX_EVENT_BYTES)
    plain[plain] &= (characters[ends[plain] - sizes[plain]] == ord("{")) & (characters[ends[plain] - 1] == ord("}"))
    for place in np.unique(_rows_with_no_numbers(characters, ends)).tolist():
        plain[place] = plain[place] and _NO_NUMBER.search(texts[place]) is None
    for place in np.flatnonzero(plain & (sizes >= _MAX_NESTING * 2)).tolist():
        plain[place] = texts[place].count(b"{") + texts[place].count(b"[") < _MAX_NESTING
    if plain.any() and not _is_utf8(lines):
        for place in np.flatnonzero(plain).tolist():
            plain[place] = _is_utf8(texts[place])
    return np.flatnonzero(plain)


def _rows_with_no_numbers(characters: npt.NDArray[np.uint8], ends: Places) -> Places:
    """Rows that hold "NaN" or "Inf" anywhere."""
    found = [np.empty(0, np.int64)]
    for first, second, third in (b"NaN", b"Inf"):
        at = np.flatnonzero(characters[:-2] == first)
        found.append(at[(characters[at + 1] == second) & (characters[at + 2] == third)])
    return np.searchsorted(ends, np.concatenate(found))


def _is_utf8(text: bytes) -> bool:
    offsets = pa.py_buffer(np.array([0, len(text)], np.int64))
    try:
        pa.LargeStringArray.from_buffers(1, offsets, pa.py_buffer(text)).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _json_schema(records: Sequence[Any]) -> pa.Schema:
    """Every field of the envelope, and of the data every field of any of the records."""
    schemas = [pa.schema(list(json_type(event_info(record)))) for record in records]
    data = pa.unify_schemas([pa.schema(list(schema.field("data").type)) for schema in schemas])
    envelope = schemas[0]
    at = envelope.get_field_index("data")
    return envelope.set(at, pa.field("data", pa.struct(list(data))))
