"""What an OTLP request holds, as plain values: log records, and spans with the events on them.

In: the generated protobuf messages. Out: records whose ids are hexadecimal ('' where there is none or it is not valid)
and whose attributes are values of Python. Times are nanoseconds since 1970, UTC; 0 is unknown.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1 import trace_pb2

_TRACE_ID_BYTES: Final = 16
_SPAN_ID_BYTES: Final = 8
_EVENT_NAME: Final = "event.name"
"""Where the name of an event stood before the log record had a field for it (OTLP 1.5)."""
_OUTGOING: Final = (trace_pb2.Span.SPAN_KIND_CLIENT, trace_pb2.Span.SPAN_KIND_INTERNAL)
"""A call to a model in the same process may be internal."""

Attributes = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Happening:
    """A log record, or an event on a span, whose ids and time it then has."""

    name: str
    attributes: Attributes
    trace_id: str
    span_id: str
    time_ns: int


@dataclass(frozen=True, slots=True)
class Span:
    """One span. `is_outgoing`: it is the caller's account of what it asked for, not the server's."""

    attributes: Attributes
    trace_id: str
    span_id: str
    started_ns: int
    ended_ns: int
    is_outgoing: bool
    is_error: bool
    events: tuple[Happening, ...] = ()


def logs_of(request: ExportLogsServiceRequest) -> Iterator[Happening]:
    """Every log record, in order."""
    for resource in request.resource_logs:
        for scope in resource.scope_logs:
            yield from map(_log, scope.log_records)


def spans_of(request: ExportTraceServiceRequest) -> Iterator[Span]:
    """Every span, in order."""
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            yield from map(_span, scope.spans)


def metrics_of(request: ExportMetricsServiceRequest) -> Iterator[Metric]:
    """Every metric, in order, as it is."""
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            yield from scope.metrics


def _log(record: LogRecord) -> Happening:
    attributes = _attributes(record.attributes)
    return Happening(
        name=record.event_name or str(attributes.get(_EVENT_NAME, "")),
        attributes=attributes,
        trace_id=_hexadecimal(record.trace_id, _TRACE_ID_BYTES),
        span_id=_hexadecimal(record.span_id, _SPAN_ID_BYTES),
        time_ns=record.time_unix_nano or record.observed_time_unix_nano,
    )


def _span(span: trace_pb2.Span) -> Span:
    trace_id = _hexadecimal(span.trace_id, _TRACE_ID_BYTES)
    span_id = _hexadecimal(span.span_id, _SPAN_ID_BYTES)
    return Span(
        attributes=_attributes(span.attributes),
        trace_id=trace_id,
        span_id=span_id,
        started_ns=span.start_time_unix_nano,
        ended_ns=span.end_time_unix_nano,
        is_outgoing=span.kind in _OUTGOING,
        is_error=span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
        events=tuple(
            Happening(event.name, _attributes(event.attributes), trace_id, span_id, event.time_unix_nano)
            for event in span.events
        ),
    )


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    """Bytes, and whatever later versions add, are None."""
    match value.WhichOneof("value"):
        case "array_value":
            return [_value(held) for held in value.array_value.values]
        case "kvlist_value":
            return _attributes(value.kvlist_value.values)
        case "string_value" | "bool_value" | "int_value" | "double_value" as kind:
            return getattr(value, kind)
    return None


def _hexadecimal(identifier: bytes, length: int) -> str:
    return identifier.hex() if len(identifier) == length and any(identifier) else ""
