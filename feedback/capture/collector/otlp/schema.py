"""JSON Schema of protobuf messages in OTLP's JSON, from the messages' own descriptors.

In: message types. Out: components, one for each message that they are made of, and references to them. Ids are
hexadecimal, enumerations numbers, integers of 64 bits perhaps strings (OTLP specification, "JSON Protobuf Encoding").
"""

from typing import Any, Final

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from feedback.capture.collector.otlp.encoding import ID_FIELDS

Schema = dict[str, Any]

_LONG: Final[Schema] = {"anyOf": [{"type": "string", "pattern": r"^-?[0-9]{1,20}$"}, {"type": "integer"}]}
_ID: Final[Schema] = {"type": "string", "pattern": "^([0-9a-fA-F]{2})*$"}
_SCALARS: Final[dict[int, Schema]] = {
    FieldDescriptor.CPPTYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.CPPTYPE_DOUBLE: {"type": "number"},
    FieldDescriptor.CPPTYPE_FLOAT: {"type": "number"},
    FieldDescriptor.CPPTYPE_ENUM: {"type": "integer"},
    FieldDescriptor.CPPTYPE_INT32: {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
    FieldDescriptor.CPPTYPE_UINT32: {"type": "integer", "minimum": 0, "maximum": 2**32 - 1},
    FieldDescriptor.CPPTYPE_INT64: _LONG,
    FieldDescriptor.CPPTYPE_UINT64: _LONG,
    FieldDescriptor.CPPTYPE_STRING: {"type": "string"},
}


def components_of(*messages: type[Message]) -> dict[str, Schema]:
    """Schemas by the full names of the messages, theirs and those of everything inside them."""
    found = dict[str, Schema]()
    waiting: list[Any] = [message.DESCRIPTOR for message in messages]  # its type differs by implementation
    while waiting:
        descriptor = waiting.pop()
        if descriptor.full_name in found:
            continue
        found[descriptor.full_name] = _schema(descriptor)
        waiting += [field.message_type for field in descriptor.fields if field.message_type is not None]
    return found


def reference(name: str) -> Schema:
    """A reference to a component."""
    return {"$ref": f"#/components/schemas/{name}"}


def reference_to(message: type[Message]) -> Schema:
    """A reference to the component of a message."""
    return reference(message.DESCRIPTOR.full_name)


def _schema(descriptor: Descriptor) -> Schema:
    if descriptor.full_name == AnyMessage.DESCRIPTOR.full_name:
        return {"type": "object", "properties": {"@type": {"type": "string"}}, "required": ["@type"]}
    return {
        "type": "object",
        "properties": {field.json_name: _field(field) for field in descriptor.fields},
    }


def _field(field: FieldDescriptor) -> Schema:
    if field.message_type is not None:
        schema = reference(field.message_type.full_name)
    elif field.json_name in ID_FIELDS:
        schema = _ID
    elif field.type == FieldDescriptor.TYPE_BYTES:
        schema = {"type": "string", "contentEncoding": "base64"}
    else:
        schema = _SCALARS[field.cpp_type]
    return {"type": "array", "items": schema} if field.is_repeated else schema
