"""Feedback from browsers and from applications that know nothing of events.

POST /f/TOKEN, by whoever was given the link: one feedback about the one answer it names, as JSON of any content type,
since a leaving page can send nothing else. POST /v1/feedback, with an API key: the same fields and a raw `user`.
"""

from typing import Any, Final

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import Response
from feedwheel_capture.errors import TokenInvalid, without_values
from feedwheel_capture.ids import uuid7
from feedwheel_capture.recorder import envelope
from feedwheel_capture.records import Author, event_id_of, feedback_of
from feedwheel_capture.signing import verify

from feedback.capture.collector.events import Problem, answer, collector_of, full_spool_is_503, key_of, take
from feedback.capture.collector.intake import Refused, Taken
from feedback.capture.collector.service import Collector
from schemas.errors import ConfigError

router = APIRouter()

_SOURCE: Final = "feedwheel/collector"
LINK_FIELDS: Final = frozenset({"kind", "value", "surface", "dwell_ms", "client_time", "feedback_id"})
"""What a browser may say; whom and what it is about, the link says."""
_KEY_RETRY_S: Final = 60.0
"""An operator who forgot the key of links sets it and starts the collector again: a matter of minutes."""


@router.post("/v1/feedback", status_code=202)
async def feedback(request: Request) -> Response:
    """Store one feedback of an application that sends raw ids."""
    key = key_of(request)
    fields = await _fields(request)
    data = {"app": key.app, **fields}
    event_id = str(fields.get("feedback_id") or uuid7(collector_of(request).clock()))
    event = {"specversion": "1.0", "id": event_id, "source": _SOURCE, "type": "feedwheel.feedback.v1", "data": data}
    return answer(await take(collector_of(request), key, [msgspec.json.encode(event)]))


@router.post("/f/{token}", status_code=202)
async def feedback_by_link(token: str, request: Request) -> Response:
    """Store what a browser says about the answer of its link."""
    collector = collector_of(request)
    try:
        scope = verify(token, signing_key_of(collector), collector.clock())
    except TokenInvalid as error:
        raise Problem(403, "link", str(error)) from None
    fields = await _fields(request)
    if unknown := sorted(fields.keys() - LINK_FIELDS):
        raise Problem(422, "contract", f"not allowed by a link: {', '.join(unknown)[:200]}")
    facts = {"feedback_id": uuid7(collector.clock()), **fields}
    facts |= {"response_id": scope.response_id, "conversation_id": scope.conversation_id}
    try:
        record = feedback_of(Author(scope.app, scope.person, scope.consent, scope.simulated), facts)
    except (msgspec.ValidationError, ValueError) as error:
        raise Problem(422, "contract", without_values(error)) from None
    with full_spool_is_503():
        event = envelope(record, _SOURCE, collector.clock(), event_id_of(record))
        outcome = await collector.admit(event, scope.app)
    if isinstance(outcome, Refused):
        raise Problem(413 if outcome.reason == "too_large" else 422, outcome.reason, outcome.detail)
    stored = not (isinstance(outcome, Taken) and outcome.record is None)
    told = {"event_id": event.id if stored else None, "feedback_id": record.feedback_id}
    return Response(msgspec.json.encode(told), 202, media_type="application/json")


def signing_key_of(collector: Collector) -> str:
    """The key of links. Raises Problem 503 without one, so that browsers keep what was said until there is."""
    try:
        return collector.settings.signing_key
    except ConfigError as error:
        raise Problem(503, "no_url_key", str(error), _KEY_RETRY_S) from None


async def _fields(request: Request) -> dict[str, Any]:
    try:
        return msgspec.json.decode(await request.body(), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Problem(400, "not_json", "the body is not a JSON object") from None
