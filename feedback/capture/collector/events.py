"""POST /v1/events: CloudEvents 1.0 over HTTP, one in structured or binary mode, or many as a JSON array.

202 if every event is stored (or was before, or may not be stored), 207 if some are refused, 422 if all are; the answer
lists each refused one by its place, with reason and the names of fields. 401 without a valid key, 413 and 429 with
Retry-After, 503 while the spool is full: then nothing of the request is stored, and all of it may be sent again.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import Response
from feedwheel_capture.errors import SpoolFull

from feedback.capture.collector.intake import Known, Outcome, Refused, Taken
from feedback.capture.collector.keys import ApiKey
from feedback.capture.collector.service import Collector

router = APIRouter()

MAX_BODY_BYTES: Final = 8_000_000
"""Eight events of the largest size, or ten thousand of the usual one; also of what a zipped body holds."""
MAX_EVENTS: Final = 1000
"""Of one request: what is decided on holds up the requests behind it, at 1,000 events some 50 ms."""
_RAW_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
_BINARY: Final = "ce-"


class Problem(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, reason: str, detail: str, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.body = {"error": reason, "detail": detail}
        self.headers = {} if retry_after_s is None else {"Retry-After": str(math.ceil(retry_after_s))}


def collector_of(request: Request) -> Collector:
    """The collector that the application's factory put there."""
    collector = request.app.state.collector
    assert isinstance(collector, Collector)
    return collector


def key_of(request: Request) -> ApiKey:
    """The key of a request. Raises Problem 401."""
    scheme, _, presented = request.headers.get("authorization", "").partition(" ")
    key = collector_of(request).key(presented.strip()) if scheme.lower() == "bearer" else None
    if key is None:
        raise Problem(401, "unauthorized", "send Authorization: Bearer KEY; `feedwheel keys create` makes one")
    return key


@router.post("/v1/events", status_code=202)
async def events(request: Request) -> Response:
    """Store one event or many."""
    key = key_of(request)
    values = events_of(await request.body(), request.headers)
    return answer(await take(collector_of(request), key, values))


async def take(collector: Collector, key: ApiKey, values: Sequence[bytes]) -> list[Outcome]:
    """Decide on events and store them. Raises Problem."""
    check_rate(collector, key, len(values))
    with full_spool_is_503():
        return await collector.take(values, key.app)


def check_rate(collector: Collector, key: ApiKey, events: int) -> None:
    """Count events against the rate of a key. Raises Problem 429."""
    if wait_s := collector.wait_s(key, events):
        raise Problem(429, "rate", f"this key may send {key.events_per_s:g} events/s", wait_s)


@contextmanager
def full_spool_is_503() -> Iterator[None]:
    """Raises Problem."""
    try:
        yield
    except SpoolFull:
        raise Problem(503, "spool_full", "events cannot be stored at present: send them again later", 5) from None


def events_of(body: bytes, headers: Mapping[str, str]) -> list[bytes]:
    """The events of a request, each as structured JSON. Raises Problem 400, 413."""
    if f"{_BINARY}specversion" in headers:
        return [_from_binary(body, headers)]
    if body.lstrip()[:1] != b"[":
        return [body]
    try:
        values = _RAW_LIST.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Problem(400, "not_json", "the body is not valid JSON") from None
    if len(values) > MAX_EVENTS:
        raise Problem(413, "too_many", f"{len(values)} events in one request, at most {MAX_EVENTS}")
    return [bytes(value) for value in values]


def _from_binary(body: bytes, headers: Mapping[str, str]) -> bytes:
    """A binary-mode event: attributes in headers, data in the body (CloudEvents HTTP binding 1.0, section 3.1)."""
    names = {name.removeprefix(_BINARY): value for name, value in headers.items() if name.startswith(_BINARY)}
    try:
        return msgspec.json.encode({**names, "data": msgspec.Raw(body or b"null")})
    except UnicodeEncodeError:
        raise Problem(400, "not_utf8", "a ce- header is not UTF-8") from None


def answer(outcomes: Sequence[Outcome]) -> Response:
    """What became of each event."""
    refused = [
        {"index": place, "reason": outcome.reason, "detail": outcome.detail}
        for place, outcome in enumerate(outcomes)
        if isinstance(outcome, Refused)
    ]
    told: dict[str, Any] = {
        "stored": sum(isinstance(outcome, Taken) and outcome.record is not None for outcome in outcomes),
        "known": sum(isinstance(outcome, Known) for outcome in outcomes),
        "not_allowed_by_consent": sum(isinstance(outcome, Taken) and outcome.record is None for outcome in outcomes),
        "ids": [None if isinstance(outcome, Refused) else outcome.event_id for outcome in outcomes],
        "rejected": refused,
    }
    status = 202 if not refused else 422 if len(refused) == len(outcomes) else 207
    return Response(msgspec.json.encode(told), status, media_type="application/json")
