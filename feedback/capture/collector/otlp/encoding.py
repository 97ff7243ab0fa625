"""The two encodings of OTLP over HTTP (OTLP specification 1.11, "OTLP/HTTP"), both bounded in what they may cost.

In: the body of a request. Out: a protobuf message, and messages as the body of an answer. Raises Undecodable. JSON
differs from the usual mapping in its ids, which are hexadecimal.
"""

import base64
import gzip
import io
import zlib
from typing import Any, Final, Literal, TypeVar

import msgspec
from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message

Encoding = Literal["protobuf", "json"]
MEDIA_TYPES: Final[dict[Encoding, str]] = {"protobuf": "application/x-protobuf", "json": "application/json"}
MAX_JSON_VALUES: Final = 200_000
"""Objects and lists of one request: some thousand spans. Each costs 6 µs on its way to protobuf."""
ID_FIELDS: Final = ("traceId", "spanId", "parentSpanId")

MessageT = TypeVar("MessageT", bound=Message)


class Undecodable(Exception):
    """A body that is not read. `is_too_large`: it might be, were it smaller."""

    def __init__(self, detail: str, *, is_too_large: bool = False) -> None:
        super().__init__(detail)
        self.is_too_large = is_too_large


def unzip(body: bytes, max_bytes: int) -> bytes:
    """What a gzip body holds; no more than `max_bytes` of it is ever in memory. Raises Undecodable."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as stream:
            content = stream.read(max_bytes + 1)
    except (OSError, EOFError, zlib.error):
        raise Undecodable("the body is not gzip") from None
    if len(content) > max_bytes:
        raise Undecodable(f"the body unpacks to more than {max_bytes} bytes", is_too_large=True)
    return content


def decode(body: bytes, encoding: Encoding, message: type[MessageT]) -> MessageT:
    """The message of a body. Raises Undecodable."""
    return _from_json(body, message) if encoding == "json" else _from_protobuf(body, message)


def encode(message: Message, encoding: Encoding) -> bytes:
    """The body of a message."""
    if encoding == "protobuf":
        return message.SerializeToString()
    return msgspec.json.encode(json_format.MessageToDict(message))


def _from_protobuf(body: bytes, message: type[MessageT]) -> MessageT:
    try:
        return message.FromString(body)
    except DecodeError:
        raise Undecodable(f"the body is no {message.DESCRIPTOR.name}") from None


def _from_json(body: bytes, message: type[MessageT]) -> MessageT:
    try:
        value = msgspec.json.decode(body, type=dict[str, Any])
        _ids_to_base64(value)
        return json_format.ParseDict(value, message(), ignore_unknown_fields=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Undecodable("the body is not a JSON object") from None
    except (json_format.ParseError, ValueError, TypeError, AttributeError):
        # The library raises the latter three for values of another type than it looks for.
        raise Undecodable(f"the body is no {message.DESCRIPTOR.name}") from None


def _ids_to_base64(value: dict[str, Any]) -> None:
    """Write ids as the usual mapping has them. Raises Undecodable, also where there are too many values."""
    waiting: list[Any] = [value]
    taken = 0
    while waiting:
        holder = waiting.pop()
        taken += 1
        if taken > MAX_JSON_VALUES:
            raise Undecodable(f"more than {MAX_JSON_VALUES} objects and lists", is_too_large=True)
        if isinstance(holder, dict):
            for name in ID_FIELDS:
                if isinstance(found := holder.get(name), str):
                    holder[name] = _base64_of(found)
            waiting += [held for held in holder.values() if isinstance(held, dict | list)]
        else:
            waiting += [held for held in holder if isinstance(held, dict | list)]


def _base64_of(identifier: str) -> str:
    try:
        return base64.b64encode(bytes.fromhex(identifier)).decode()
    except ValueError:
        raise Undecodable("a trace or span id is not hexadecimal") from None
