"""POST /v1/logs, /v1/traces and /v1/metrics: OTLP over HTTP.

200 once every event is on disk, with `partial_success` naming how many records were refused and why; what is no event
is not refused. Errors are a google.rpc.Status in the encoding of the request: 400 for what cannot be decoded, 401
without a valid key, 413, 415, and 429 and 503 with Retry-After, for which exporters send all of it again.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import Response
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from starlette.exceptions import HTTPException

from feedback.capture.collector import intake
from feedback.capture.collector.events import (
    MAX_BODY_BYTES,
    MAX_EVENTS,
    Problem,
    check_rate,
    collector_of,
    full_spool_is_503,
    key_of,
)
from feedback.capture.collector.otlp import genai
from feedback.capture.collector.otlp.encoding import MEDIA_TYPES, Encoding, Undecodable, decode, encode, unzip
from feedback.capture.collector.otlp.observed import logs_of, metrics_of, spans_of
from feedback.capture.collector.service import Collector

router = APIRouter()

MAX_RECORDS: Final = 10_000
"""Log records, spans or metrics of one request: an OpenTelemetry Collector sends 8,192 unless told otherwise."""
_MAX_REASONS: Final = 10
"""Named in one answer; a request has seldom more than one."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A kind of telemetry. `rejected`: the field of the answer that counts what was refused."""

    request: type[Message]
    response: type[Message]
    records: Callable[[Any], Iterator[Any]]
    found: Callable[[Any, str], Iterator[genai.Found]]
    rejected: str


LOGS: Final = Signal(ExportLogsServiceRequest, ExportLogsServiceResponse, logs_of, genai.of_log, "rejected_log_records")
TRACES: Final = Signal(ExportTraceServiceRequest, ExportTraceServiceResponse, spans_of, genai.of_span, "rejected_spans")

METRICS: Final = Signal(
    ExportMetricsServiceRequest, ExportMetricsServiceResponse, metrics_of, genai.of_metric, "rejected_data_points"
)
"""Taken because an exporter that is given one address for everything sends them too; none is an event."""


@dataclass(slots=True)
class _Content:
    """What a request holds: events, each with the place of its record, and why other records hold none."""

    events: list[bytes] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    refused: list[tuple[int, genai.Refused | intake.Refused]] = field(default_factory=list)
    left: Counter[str] = field(default_factory=Counter)

    def add(self, place: int, found: genai.Found) -> None:
        """Take what was found in the record at a place."""
        match found:
            case genai.Refused():
                self.refused.append((place, found))
            case genai.Left(reason):
                self.left[reason] += 1
            case event:
                self.events.append(msgspec.json.encode(event))
                self.places.append(place)


@router.post("/v1/logs")
async def logs(request: Request) -> Response:
    """Store what log records hold."""
    return await _export(request, LOGS)


@router.post("/v1/traces")
async def traces(request: Request) -> Response:
    """Store what spans hold."""
    return await _export(request, TRACES)


@router.post("/v1/metrics")
async def metrics(request: Request) -> Response:
    """Count metrics, of which none holds an event."""
    return await _export(request, METRICS)


async def _export(request: Request, signal: Signal) -> Response:
    encoding = _encoding(request)
    try:
        if encoding is None:
            raise Problem(415, "media_type", f"send {' or '.join(MEDIA_TYPES.values())}")
        return _answer(await _taken(request, signal, encoding), encoding)
    except Undecodable as error:
        return _undecodable(error, encoding or "json")
    except Problem as problem:
        return _answer(Status(message=str(problem)), encoding or "json", problem.status, problem.headers)
    except HTTPException as error:  # of the bound on bodies
        return _answer(Status(message=error.detail), encoding or "json", error.status_code)


def _encoding(request: Request) -> Encoding | None:
    """None if it is none of ours."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return next((encoding for encoding, name in MEDIA_TYPES.items() if name == media_type), None)


def _is_zipped(request: Request) -> bool:
    """Raises Problem 415."""
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("identity", "gzip"):
        raise Problem(415, "content_encoding", "send it as it is, or gzip")
    return coding == "gzip"


async def _taken(request: Request, signal: Signal, encoding: Encoding) -> Message:
    """The answer to a request whose events are stored. Raises Undecodable, Problem, HTTPException."""
    key, collector = key_of(request), collector_of(request)
    check_rate(collector, key, 0)  # before anything is read for a key that has to wait
    reader = partial(_read, is_zipped=_is_zipped(request), encoding=encoding, signal=signal, app=key.app)
    content = await collector.read(partial(reader, await request.body()))
    check_rate(collector, key, len(content.events))
    outcomes = await _stored(collector, content.events, key.app)
    for reason, count in content.left.items():
        collector.metrics.left.labels(key.app, reason).inc(count)
    for _, refused in content.refused:
        collector.metrics.events.labels(key.app, refused.reason).inc()
    told = zip(content.places, outcomes, strict=True)
    refused_events = [(place, outcome) for place, outcome in told if isinstance(outcome, intake.Refused)]
    return _told(signal, [*content.refused, *refused_events])


async def _stored(collector: Collector, events: Sequence[bytes], app: str) -> list[intake.Outcome]:
    """The outcomes of events that are on disk. Raises Problem 503."""
    outcomes = list[intake.Outcome]()
    with full_spool_is_503():
        for start in range(0, len(events), MAX_EVENTS):
            outcomes += await collector.take(events[start : start + MAX_EVENTS], app)
    return outcomes


def _read(body: bytes, is_zipped: bool, encoding: Encoding, signal: Signal, app: str) -> _Content:
    """What a body holds. Raises Undecodable."""
    request = decode(unzip(body, MAX_BODY_BYTES) if is_zipped else body, encoding, signal.request)
    content = _Content()
    for place, record in enumerate(signal.records(request)):
        if place == MAX_RECORDS:
            raise Undecodable(f"more than {MAX_RECORDS} records in one request", is_too_large=True)
        for found in signal.found(record, app):
            content.add(place, found)
    return content


def _told(signal: Signal, refused: list[tuple[int, genai.Refused | intake.Refused]]) -> Message:
    response: Any = signal.response()
    if refused:
        counts = Counter(f"{one.reason}: {one.detail}" for _, one in refused)
        told = [f"{count} x {reason}" for reason, count in counts.most_common(_MAX_REASONS)]
        setattr(response.partial_success, signal.rejected, len({place for place, _ in refused}))
        response.partial_success.error_message = "; ".join(told)
    assert isinstance(response, Message)
    return response


def _undecodable(error: Undecodable, encoding: Encoding) -> Response:
    if error.is_too_large:
        return _answer(Status(message=str(error)), encoding, 413)
    status = Status(message=str(error))
    violation = BadRequest.FieldViolation(field="body", description=str(error))
    status.details.add().Pack(BadRequest(field_violations=[violation]))
    return _answer(status, encoding, 400)


def _answer(message: Message, encoding: Encoding, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(encode(message, encoding), status, headers, media_type=MEDIA_TYPES[encoding])
