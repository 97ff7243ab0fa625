"""Telemetry as instrumentations send it: OTLP requests from plain values."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

TRACE = bytes(range(1, 17))
SPAN = bytes(range(1, 9))
TIME_NS = 1_767_614_400_000_000_000  # 2026-01-05 12:00 UTC
ASKED = [{"role": "user", "parts": [{"type": "text", "content": "Where is my card?"}]}]
ANSWERED = [
    {"role": "assistant", "parts": [{"type": "text", "content": "On its way."}], "finish_reason": "stop"},
]
CHAT: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-x",
    "gen_ai.response.model": "gpt-x-2026",
    "gen_ai.response.id": "chatcmpl-1",
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.usage.input_tokens": 11,
    "gen_ai.usage.output_tokens": 7,
}
CONTENT: dict[str, Any] = {"gen_ai.input.messages": ASKED, "gen_ai.output.messages": ANSWERED}
JUDGED: dict[str, Any] = {
    "gen_ai.evaluation.name": "user_feedback",
    "gen_ai.evaluation.evaluator.type": "human",
    "gen_ai.response.id": "chatcmpl-1",
}


def any_value(value: Any) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case str():
            return AnyValue(string_value=value)
        case bytes():
            return AnyValue(bytes_value=value)
        case list() | tuple():
            return AnyValue(array_value=ArrayValue(values=map(any_value, value)))
        case dict():
            return AnyValue(kvlist_value=KeyValueList(values=pairs(value)))
    return AnyValue()


def pairs(attributes: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=name, value=any_value(value)) for name, value in attributes.items()]


def log(name: str, attributes: Mapping[str, Any], **fields: Any) -> LogRecord:
    given = {"time_unix_nano": TIME_NS, "trace_id": TRACE, "span_id": SPAN, "event_name": name}
    return LogRecord(attributes=pairs(attributes), **{**given, **fields})


def span(attributes: Mapping[str, Any], *events: tuple[str, Mapping[str, Any]], **fields: Any) -> Span:
    """A call of 1.5 s; events are a name and attributes."""
    given = {
        "name": "chat gpt-x",
        "kind": Span.SPAN_KIND_CLIENT,
        "trace_id": TRACE,
        "span_id": SPAN,
        "start_time_unix_nano": TIME_NS - 1_500_000_000,
        "end_time_unix_nano": TIME_NS,
    }
    on_it = [Span.Event(name=name, attributes=pairs(held), time_unix_nano=TIME_NS) for name, held in events]
    return Span(attributes=pairs(attributes), events=on_it, **{**given, **fields})


def logs_request(*records: LogRecord) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.extend(records)
    return request


def traces_request(*spans: Span) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.extend(spans)
    return request


def as_json(request: Message) -> bytes:
    """As the specification has it: hexadecimal ids, 64-bit integers as strings; and with fields of a later version."""
    return json.dumps(_hexadecimal(json_format.MessageToDict(request))).encode()


def _hexadecimal(value: Any) -> Any:
    if isinstance(value, list):
        return [_hexadecimal(held) for held in value]
    if not isinstance(value, dict):
        return value
    told = {
        name: base64.b64decode(held).hex() if name in ("traceId", "spanId") else _hexadecimal(held)
        for name, held in value.items()
    }
    return {**told, "laterField": {"spanId": 7}}
