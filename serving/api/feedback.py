"""POST /v1/feedback: something a person said or did about an answer or a conversation.

In: a validated request. Out: 202 with the event's id once the event is on disk (I7); 422 names the field that is wrong;
503 while the spool is full, so that the sender keeps it and tries again.
"""

from typing import Annotated

from fastapi import APIRouter, Body, Request
from feedwheel_capture.events import REQUIRED_VALUES, Feedback
from feedwheel_capture.ids import uuid7
from feedwheel_capture.records import Author, event_id_of, feedback_of
from pydantic import BaseModel

from serving.api.exchange import app_config, consent
from serving.api.openai_errors import ApiError
from serving.api.schemas import FeedbackBody, FeedbackRequest
from serving.guarding import disputes
from serving.service import Deployment, Service

router = APIRouter()


class FeedbackReceipt(BaseModel):
    """What the sender keeps. `event_id` is null where consent allows nothing to be stored."""

    feedback_id: str
    event_id: str | None


@router.post("/v1/feedback", status_code=202)
async def feedback(body: Annotated[FeedbackRequest, Body()], request: Request) -> FeedbackReceipt:
    """Store one feedback."""
    service: Service = request.app.state.service
    deployment = service.deployment
    if deployment is None:
        raise ApiError(404, "not_found_error", "this process remembers nothing: it serves one model for evaluation")
    check(body)
    feedback_id = body.feedback_id or uuid7(service.clock())
    record = _record(deployment, body, feedback_id)
    event_id = event_id_of(record)
    outcome = "refused"
    try:
        stored = await deployment.events.feedback(record, event_id)
        outcome = "stored" if stored else "not_allowed"
        _count_dispute(service, record)
    finally:
        service.metrics.feedback.labels(body.app, body.kind, outcome).inc()
    return FeedbackReceipt(feedback_id=feedback_id, event_id=stored)


def _count_dispute(service: Service, record: Feedback) -> None:
    """Where a guardrail withheld an answer and who asked says that this was wrong: a false refusal, once for each."""
    assert service.deployment is not None  # there is no feedback without one
    if disputes(record, app_config(service.deployment, record.app)):
        asker = record.user_key or record.conversation_id or ""
        for rule in service.guarding.withheld.take((record.response_id or "", record.app, asker)) or ():
            service.metrics.disputed.labels(record.app, rule).inc()


def check(body: FeedbackRequest) -> None:
    """What one field means for another. Raises ApiError naming the field."""
    if body.response_id is None and body.conversation_id is None:
        raise _wrong("response_id", "name the answer or the conversation")
    if body.user is None and body.conversation_id is None:
        raise _wrong("conversation_id", "feedback of nobody in particular needs it")
    if body.value is not None:
        _check_value(body, body.value)


def _check_value(body: FeedbackRequest, value: FeedbackBody) -> None:
    # Where consent withholds the text, an edit is stored without it; who sends one has it.
    for name in (*REQUIRED_VALUES.get(body.kind, ()), *(("edited_output",) if body.kind == "edit" else ())):
        if getattr(value, name) is None:
            raise _wrong(f"value.{name}", f"needed by feedback of kind {body.kind}")
    shown = {candidate.response_id for candidate in value.candidates or ()}
    if body.kind == "comparison" and value.chosen not in shown:
        raise _wrong("value.chosen", "is none of value.candidates")
    if value.rating is not None and value.scale is not None:
        low, high = value.scale
        if not low < high:
            raise _wrong("value.scale", "its first end must be below its second")
        if not low <= value.rating <= high:
            raise _wrong("value.rating", "outside its scale")


def _wrong(param: str, message: str) -> ApiError:
    return ApiError(422, "invalid_request_error", f"{param}: {message}", param=param, code="invalid_value")


def _record(deployment: Deployment, body: FeedbackRequest, feedback_id: str) -> Feedback:
    app = app_config(deployment, body.app, param="app")
    # `check` has seen to it that there is a conversation where there is no person.
    person = deployment.events.identity.person(body.app, body.user, body.conversation_id or "")
    return feedback_of(
        Author(body.app, person, consent(body.store, app), app.simulated),
        {
            "feedback_id": feedback_id,
            "kind": body.kind,
            "value": None if body.value is None else body.value.model_dump(exclude_none=True),
            "response_id": body.response_id,
            "conversation_id": body.conversation_id,
            "surface": body.surface,
            "dwell_ms": body.dwell_ms,
            "client_time": body.client_time,
        },
    )
