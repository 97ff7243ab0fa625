"""Arrow types of event records, derived from the records so that the two cannot drift."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa
from msgspec import inspect

_SCALARS: dict[type, pa.DataType] = {
    inspect.StrType: pa.string(),
    inspect.LiteralType: pa.string(),
    inspect.BoolType: pa.bool_(),
    inspect.IntType: pa.int64(),
    inspect.FloatType: pa.float64(),
    inspect.DateTimeType: pa.timestamp("us", tz="UTC"),
    # A mapping has no fixed keys, so it rests as JSON text.
    inspect.DictType: pa.string(),
}


def record_fields(records: Sequence[type]) -> list[pa.Field]:
    """Arrow fields of the union of records, each nullable. Raises TypeError where two records disagree on a name."""
    fields: dict[str, pa.Field] = {}
    for record in records:
        info = inspect.type_info(record)
        assert isinstance(info, inspect.StructType)  # narrows the type; every record is a Struct
        for field in _struct_fields(info):
            if fields.setdefault(field.name, field) != field:
                raise TypeError(f"{record.__name__}.{field.name} differs from the same column of another record")
    return list(fields.values())


def _struct_fields(info: inspect.StructType) -> list[pa.Field]:
    tag = [pa.field(str(info.tag_field), pa.string())] if info.tag_field else []
    return tag + [pa.field(field.encode_name, _arrow_type(field.type)) for field in info.fields]


def _arrow_type(info: Any) -> pa.DataType:
    match info:
        case inspect.UnionType(types=types):
            (only,) = (member for member in types if not isinstance(member, inspect.NoneType))
            return _arrow_type(only)
        case inspect.StructType():
            return pa.struct(_struct_fields(info))
        case inspect.ListType(item_type=item):
            return pa.list_(_arrow_type(item))
        case inspect.TupleType(item_types=items):
            return pa.list_(_arrow_type(items[0]))
    return _SCALARS[type(info)]


def to_row(data: msgspec.Struct) -> dict[str, Any]:
    """One record as plain values of its columns: times stay datetimes, mappings become JSON text."""
    row = {name: _plain(getattr(data, name)) for name in data.__struct_fields__}
    tag_field = data.__struct_config__.tag_field
    return row if tag_field is None else {tag_field: data.__struct_config__.tag, **row}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return msgspec.json.encode(value, order="sorted").decode()
    return msgspec.to_builtins(value, builtin_types=(datetime,))
