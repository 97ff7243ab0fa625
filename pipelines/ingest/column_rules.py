"""The contract of event records, checked column by column.

In: events of one record as a struct column, as JSON gave it: null where a field was null or missing. Out: the same
column with the defaults of what was missing, and the rows that surely keep the contract. The rules are read from the
records themselves; what a record checks beyond its types stands here a second time, and a property test holds the two
together. A doubt is no verdict: the record itself decides on the rows that are not sure.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from feedwheel_capture.events import EARLIEST, LATEST, REQUIRED_VALUES, SPEC_VERSION, Event, Feedback, PersonalData
from feedwheel_capture.ids import SPLIT_BUCKETS
from msgspec import inspect

from schemas.tables import INSTANT

Mask = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]

_RFC3339: Final = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)$"
"""Times that every reader takes for the same instant; finer fractions are rounded differently."""


class Doubts:
    """Rows of which it is not sure that they keep the contract.

    `of_presence`: sure but for one thing, whether a field that is null was there: a column does not tell.
    """

    def __init__(self, rows: int) -> None:
        self.found = np.zeros(rows, np.bool_)
        self.of_presence = np.zeros(rows, np.bool_)

    def add(self, doubtful: pa.Array, rows: Places | None = None) -> None:
        """Doubt what is true, null is not. `rows`: the row of each element, where an element is not a row."""
        _mark(self.found, doubtful, rows)

    def add_missing_or_null(self, null: pa.Array, rows: Places | None) -> None:
        """Doubt whether a field is there at all."""
        _mark(self.of_presence, null, rows)


def _mark(mask: Mask, chosen: pa.Array, rows: Places | None) -> None:
    if pc.any(chosen).as_py():
        elements = chosen.fill_null(False).to_numpy(zero_copy_only=False).nonzero()[0]
        mask[elements if rows is None else rows[elements]] = True


def event_info(record: type) -> inspect.StructType:
    """The type of events of a record."""
    envelope: Any = Event  # subscripted with a type known only at run time
    info = inspect.type_info(envelope[record])
    assert isinstance(info, inspect.StructType)  # narrows the type; an event is a Struct
    return info


def json_type(info: Any) -> pa.DataType:
    """What JSON is read as for a type: that of the tables, but for times, which JSON has as text. Raises TypeError."""
    match info:
        case inspect.UnionType(types=types):
            (only,) = (member for member in types if not isinstance(member, inspect.NoneType))
            return json_type(only)
        case inspect.StructType(fields=fields, tag_field=None):
            return pa.struct([(each.encode_name, json_type(each.type)) for each in fields])
        case inspect.ListType(item_type=item):
            return pa.list_(json_type(item))
        case inspect.TupleType(item_types=items):
            return pa.list_(json_type(items[0]))
    return _SCALARS[type(info)]


_SCALARS: Final[Mapping[type, pa.DataType]] = {
    inspect.StrType: pa.string(),
    inspect.LiteralType: pa.string(),
    inspect.BoolType: pa.bool_(),
    inspect.IntType: pa.int64(),
    inspect.FloatType: pa.float64(),
    inspect.DateTimeType: pa.string(),
}


class EventRules:
    """Completes and checks events of one record."""

    def __init__(self, record: Any) -> None:
        self._record = record
        self._info = event_info(record)
        self._presence = msgspec.json.Decoder(_presence_type(self._info) or msgspec.Raw)

    def check(self, events: pa.StructArray) -> tuple[pa.StructArray, Doubts]:
        """The events with their defaults, and which of them are not sure to keep the contract."""
        doubts = Doubts(len(events))
        events = _struct(self._info.fields, events, doubts, None)
        doubts.add(pc.not_equal(events.field("specversion"), SPEC_VERSION))
        data = events.field("data")
        for record, check in _BEYOND_TYPES.items():
            if issubclass(self._record, record):
                check(data, doubts)
        return events, doubts

    def has_what_it_must(self, value: bytes) -> bool:
        """Whether the fields are there that may be null and not missing."""
        try:
            self._presence.decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        return True


def _presence_type(info: Any) -> Any:
    """A type with only those fields that may be null and not missing, whatever they hold; None if there are none."""
    match info:
        case inspect.ListType(item_type=item):
            inside, several = _presence_type(item), _ANY_LIST
            return inside and several[inside]
        case inspect.StructType(fields=fields):
            found = [(each.encode_name, *_presence_field(each)) for each in fields]
            must = [field for field in found if len(field) > 1]
            return msgspec.defstruct(f"Present{info.cls.__name__}", must, kw_only=True) if must else None
    return None


_ANY_LIST: Any = list  # subscripted with a type known only at run time


def _presence_field(each: inspect.Field) -> tuple[Any, ...]:
    info, nullable = _without_none(each.type)
    if nullable and each.required:
        return (msgspec.Raw,)
    inside = _presence_type(info)
    return () if inside is None else (inside,) if each.required else (inside | None, None)


def _struct(fields: Sequence[inspect.Field], values: pa.StructArray, doubts: Doubts, rows: Places | None) -> pa.Array:
    """Structs with what is missing inside them; a null one stays null."""
    absent = values.is_null() if values.null_count else None
    given = dict(zip((each.name for each in values.type), values.flatten(), strict=True))
    columns = [_field(each, given[each.encode_name], absent, doubts, rows) for each in fields]
    return pa.StructArray.from_arrays(columns, names=[each.encode_name for each in fields], mask=absent)


def _field(each: inspect.Field, values: pa.Array, absent: pa.Array | None, doubts: Doubts, rows: Places | None) -> Any:
    """One field of structs, of which some may be `absent` themselves."""
    info, nullable = _without_none(each.type)
    if values.null_count and each.required:
        null = values.is_null() if absent is None else pc.and_not(values.is_null(), absent)
        (doubts.add_missing_or_null if nullable else doubts.add)(null, rows)
    elif values.null_count and not nullable:
        values = _with_default(each, values)
    return _values(info, values, doubts, rows)


def _without_none(info: Any) -> tuple[Any, bool]:
    """A type, and whether it may be null."""
    if isinstance(info, inspect.UnionType):
        (only,) = (member for member in info.types if not isinstance(member, inspect.NoneType))
        return only, True
    return info, False


def _with_default(each: inspect.Field, values: pa.Array) -> pa.Array:
    """A default is a scalar, an empty list, or a struct of nothing but defaults, which fills itself."""
    if pa.types.is_list(values.type):
        return pa.ListArray.from_arrays(values.offsets, values.values)
    if pa.types.is_struct(values.type):
        return pa.StructArray.from_arrays(values.flatten(), fields=list(values.type))
    return values.fill_null(each.default)


def _values(info: Any, values: pa.Array, doubts: Doubts, rows: Places | None) -> pa.Array:
    """Values of a type, checked and completed; null ones stay null."""
    match info:
        case inspect.StructType(fields=fields):
            return _struct(fields, values, doubts, rows)
        case inspect.ListType(item_type=item) | inspect.TupleType(item_types=(item, *_)):
            return _list(item, values, doubts, rows)
        case inspect.LiteralType(values=members):
            known = pc.is_in(values, pa.array(members, pa.string()))
            doubts.add(pc.and_not(values.is_valid(), known), rows)
        case inspect.FloatType():
            doubts.add(pc.invert(pc.is_finite(values)), rows)
        case inspect.DateTimeType():
            return _instants(values, doubts, rows)
    return values


def _list(item: Any, values: pa.ListArray, doubts: Doubts, rows: Places | None) -> pa.Array:
    parents = pc.list_parent_indices(values).to_numpy()
    rows = parents if rows is None else rows[parents]
    items = values.flatten()
    doubts.add(items.is_null(), rows)
    completed = _values(item, items, doubts, rows)
    return pa.ListArray.from_arrays(values.offsets, completed, mask=values.is_null() if values.null_count else None)


def _instants(values: pa.StringArray, doubts: Doubts, rows: Places | None) -> pa.Array:
    """Texts as times that can be true."""
    shaped = pc.match_substring_regex(values, _RFC3339)
    doubts.add(pc.invert(shaped), rows)
    try:
        times = pc.if_else(shaped, values, None).cast(INSTANT)
    except pa.ArrowInvalid:  # one is no date, as the 30th of February is none, and does not say which
        doubts.add(values.is_valid(), rows)
        return pa.nulls(len(values), INSTANT)
    early, late = pc.less(times, pa.scalar(EARLIEST, INSTANT)), pc.greater_equal(times, pa.scalar(LATEST, INSTANT))
    doubts.add(pc.or_(early, late), rows)
    return times


def _check_person(data: pa.StructArray, doubts: Doubts) -> None:
    bucket = data.field("split_bucket")
    doubts.add(pc.or_(pc.less(bucket, 0), pc.greater_equal(bucket, SPLIT_BUCKETS)))


def _check_feedback(data: pa.StructArray, doubts: Doubts) -> None:
    """Names what it is about, has the values of its kind, and a rating within its scale."""
    doubts.add(pc.and_(data.field("response_id").is_null(), data.field("conversation_id").is_null()))
    value = data.field("value")
    given = value.is_valid()
    fields = dict(zip((each.name for each in value.type), value.flatten(), strict=True))
    for kind, names in REQUIRED_VALUES.items():
        of_kind = pc.and_(given, pc.equal(data.field("kind"), kind))
        for name in names:
            doubts.add(pc.and_(of_kind, fields[name].is_null()))
    rating, scale = fields["rating"], fields["scale"]
    doubts.add(pc.not_equal(pc.list_value_length(scale), 2))
    rated = pc.and_(rating.is_valid(), pc.equal(pc.list_value_length(scale), 2))
    ends = pc.if_else(rated, scale, pa.scalar([0.0, 1.0], scale.type))
    low, high = pc.list_element(ends, 0), pc.list_element(ends, 1)
    inside = pc.and_(pc.less(low, high), pc.and_(pc.less_equal(low, rating), pc.less_equal(rating, high)))
    doubts.add(pc.and_not(rated, inside))


_BEYOND_TYPES: Final[Mapping[type, Callable[[pa.StructArray, Doubts], None]]] = {
    PersonalData: _check_person,
    Feedback: _check_feedback,
}
"""What `__post_init__` of the records checks."""
