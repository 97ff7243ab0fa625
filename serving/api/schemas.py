"""What requests look like, checked once, here. A parameter that is not listed is refused, not ignored."""

from typing import Annotated

from feedwheel_capture.events import EARLIEST, LATEST
from feedwheel_capture.vocabulary import ComplaintCategory, FeedbackKind, GradedChoice, SessionMeasure
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, FiniteFloat, StringConstraints

Id = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,200}$")]
"""An identifier that an application mints: printable ASCII without blanks."""
RawUser = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Text = Annotated[str, StringConstraints(max_length=100_000)]
"""Well below what fits into one event."""


class RequestPart(BaseModel):
    """Of a request: what it does not know it refuses."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CandidateValue(RequestPart):
    """One of several options shown side by side."""

    response_id: Id
    position: Annotated[int, Field(ge=0, le=1000)]
    propensity: Annotated[float, Field(gt=0, le=1)] | None = None


class FeedbackBody(RequestPart):
    """What was said, by kind: the fields of the event record."""

    rating: FiniteFloat | None = None
    scale: tuple[FiniteFloat, FiniteFloat] | None = None
    text: Text | None = None
    edited_output: Text | None = None
    category: ComplaintCategory | None = None
    candidates: Annotated[list[CandidateValue], Field(max_length=20)] | None = None
    chosen: Id | None = None
    grade: GradedChoice | None = None
    action: Id | None = None
    measure: SessionMeasure | None = None
    number: FiniteFloat | None = None


class FeedbackRequest(RequestPart):
    """Something a person said or did about an answer or a conversation. `value` null retracts.

    `feedback_id` is the application's idempotency key: the same one again is the same feedback. `store` as in a chat
    request.
    """

    app: Id
    user: RawUser | None = None
    kind: FeedbackKind
    value: FeedbackBody | None
    response_id: Id | None = None
    conversation_id: Id | None = None
    surface: Id | None = None
    dwell_ms: Annotated[FiniteFloat, Field(ge=0)] | None = None
    client_time: Annotated[AwareDatetime, Field(ge=EARLIEST, lt=LATEST)] | None = None
    feedback_id: Id | None = None
    store: bool | None = None
