"""The event records, v1: one CloudEvents 1.0 JSON object in structured mode per Kafka value.

A record is frozen and checked once, when it is decoded or built; readers ignore fields they do not know.
Times are UTC-aware. Field names follow the OpenTelemetry GenAI conventions where one exists.
"""

from datetime import UTC, datetime
from math import inf
from typing import Any, Final, Generic, TypeVar

import msgspec
from msgspec import Struct

from feedwheel_capture.vocabulary import (
    AppType,
    Arm,
    ComplaintCategory,
    Consent,
    ExposurePolicy,
    Fallback,
    FeedbackKind,
    FinalState,
    FinishReason,
    GateVerdict,
    GradedChoice,
    GuardAction,
    GuardRule,
    ResponseFormat,
    Role,
    SessionMeasure,
)

SPEC_VERSION: Final = "1.0"

MAX_EVENT_BYTES: Final = 1_000_000
"""Below Kafka's default `max.message.bytes` of 1,048,588, so that every accepted event could also be published."""

EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
"""Between them a time can be true, and every store can hold it: year 1 or 9999 of another zone is no date in UTC."""


def check_time(name: str, time: datetime) -> None:
    """Raise ValueError unless a time has a zone and can be true."""
    if time.tzinfo is None:
        raise ValueError(f"{name} has no zone")
    if not EARLIEST <= time < LATEST:
        raise ValueError(f"{name} is outside {EARLIEST.year}..{LATEST.year}")


class Message(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One chat message. `content` is None where consent allows no text; `length` (code points) stays."""

    role: Role
    content: str | None
    length: int


class ToolCall(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A tool the model called. `arguments` is None where consent allows no text."""

    name: str
    arguments: str | None = None


class Sampling(Struct, frozen=True, kw_only=True):
    """Decoding parameters of one answer. None: not asked for, or not known."""

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int | None = None
    seed: int | None = None
    top_k: int | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    response_format: ResponseFormat | None = None


class Guarded(Struct, frozen=True, kw_only=True):
    """A guardrail that acted on what was asked (`is_input`) or on what was answered."""

    rule: GuardRule
    action: GuardAction
    is_input: bool


class Candidate(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of several options shown side by side. `position` counts from 0, `propensity` is its chance to be there."""

    response_id: str
    position: int
    propensity: float | None = None


class PersonalData(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every event about a person carries. `split_bucket` is in 0..9999 and never moves (I5)."""

    app: str
    user_key: str | None
    user_key_id: int
    split_bucket: int
    consent: Consent
    redactor: str | None = None
    simulated: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.split_bucket < 10_000:
            raise ValueError(f"split_bucket {self.split_bucket} is outside 0..9999")


class Generation(PersonalData, frozen=True, kw_only=True):
    """One answer of a model.

    `input` holds the messages after the last assistant message. The three hashes are keyed and name the thread without
    its text: `prefix_hash` everything before `input`, `request_hash` prefix and input, `thread_hash` the answer too.
    """

    response_id: str
    request_id: str
    conversation_id: str
    turn: int
    app_type: AppType
    model: str
    model_version: str
    arm: Arm
    input: list[Message]
    prefix_hash: str
    request_hash: str
    thread_hash: str
    output: str | None
    output_length: int
    finish_reason: FinishReason
    input_tokens: int
    output_tokens: int
    latency_ms: float
    time_to_first_token_ms: float | None = None
    parent_response_id: str | None = None
    release_id: str | None = None
    prompt_version: str | None = None
    retrieved_document_ids: list[str] = []
    tool_calls: list[ToolCall] = []
    cached: bool = False
    sampling: Sampling = Sampling()
    locale: str | None = None
    guarded: list[Guarded] = []
    fallback: Fallback | None = None


class FeedbackValue(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was said, by kind. Ratings come with the ends of their scale; `sentiment` is a rating on -1..1."""

    rating: float | None = None
    scale: tuple[float, float] | None = None
    text: str | None = None
    text_length: int | None = None
    edited_output: str | None = None
    category: ComplaintCategory | None = None
    candidates: list[Candidate] | None = None
    chosen: str | None = None
    grade: GradedChoice | None = None
    action: str | None = None
    measure: SessionMeasure | None = None
    number: float | None = None


REQUIRED_VALUES: Final[dict[FeedbackKind, tuple[str, ...]]] = {
    "thumbs": ("rating", "scale"),
    "rating": ("rating", "scale"),
    "solved": ("rating", "scale"),
    "nps": ("rating", "scale"),
    "sentiment": ("rating", "scale"),
    "comparison": ("candidates", "chosen"),
    "graded_choice": ("grade",),
    "action": ("action",),
    "conversation_length": ("number",),
    "diversity": ("number",),
    "session": ("measure", "number"),
}
"""Fields of `FeedbackValue` without which a kind means nothing; kinds not listed need none."""

OPTIONAL_VALUES: Final[dict[FeedbackKind, tuple[str, ...]]] = {
    "thumbs": ("text",),
    "rating": ("text",),
    "solved": ("text",),
    "nps": ("text",),
    "correction": ("text",),
    "verification": ("text",),
    "edit": ("edited_output",),
    "complaint": ("category", "text"),
    "sentiment": ("text",),
    "comparison": ("text",),
    "action": ("number",),
    "escalation": ("text",),
}
"""What else says something. Text is optional because consent may withhold it; `text_length` is then what is left."""


class Feedback(PersonalData, frozen=True, kw_only=True):
    """Something a person said or did about an answer or a conversation. `value` None retracts an earlier one."""

    feedback_id: str
    kind: FeedbackKind
    value: FeedbackValue | None
    response_id: str | None = None
    conversation_id: str | None = None
    surface: str | None = None
    dwell_ms: float | None = None
    client_time: datetime | None = None

    def __post_init__(self) -> None:
        # Not super(): msgspec rebuilds the class, which leaves its implicit cell pointing at the discarded one.
        PersonalData.__post_init__(self)
        if self.response_id is None and self.conversation_id is None:
            raise ValueError("feedback names neither a response_id nor a conversation_id")
        if self.value is not None:
            _check_value(self.kind, self.value)
        if self.client_time is not None:
            check_time("client_time", self.client_time)


def _check_value(kind: FeedbackKind, value: FeedbackValue) -> None:
    missing = [name for name in REQUIRED_VALUES.get(kind, ()) if getattr(value, name) is None]
    if missing:
        raise ValueError(f"feedback of kind {kind} lacks {', '.join(missing)}")
    if value.rating is not None and value.scale is not None:
        low, high = value.scale
        if not -inf < low < high < inf or not low <= value.rating <= high:
            raise ValueError(f"rating is outside its scale {low}..{high}")


class Exposure(PersonalData, frozen=True, kw_only=True):
    """What a person was offered beside one answer, and with which probability."""

    exposure_id: str
    response_id: str
    conversation_id: str
    arm: Arm
    policy: ExposurePolicy
    propensity: float
    offered: list[FeedbackKind]
    release_id: str | None = None
    candidates: list[Candidate] = []


class ConsentChange(PersonalData, frozen=True, kw_only=True):
    """A person grants or withdraws; `consent` of the base record is the new state."""

    change_id: str


class Erasure(PersonalData, frozen=True, kw_only=True):
    """A person asks that what is held about them be erased."""

    erasure_id: str


class ModelRef(Struct, frozen=True, kw_only=True):
    """A model artefact: where it lies and the SHA-256 that its files must have."""

    name: str
    version: str
    uri: str
    digest: str


class Baseline(Struct, frozen=True, kw_only=True, tag_field="action", tag="baseline"):
    """The first champion of an application; ignored once there is one."""

    app: str
    model: ModelRef


class Proposal(Struct, frozen=True, kw_only=True, tag_field="action", tag="propose"):
    """A challenger with its gate verdict; `share` of the people are drawn to it while the test runs.

    Before, `shadow_share` of the requests are also given to it, and nobody sees its answers. Proposed again without, by
    serving, it is shown to people; `evidence` is what the shadow showed.
    """

    app: str
    release_id: str
    model: ModelRef
    verdict: GateVerdict
    share: float
    rationale: str | None = None
    shadow_share: float = 0.0
    evidence: dict[str, Any] = {}


class Decision(Struct, frozen=True, kw_only=True, tag_field="action", tag="decide"):
    """The end of a rollout. The first valid one per release wins; `by` is a replica or `operator`."""

    app: str
    release_id: str
    state: FinalState
    by: str
    rationale: str
    evidence: dict[str, Any] = {}


class Gap(Struct, frozen=True, kw_only=True, tag_field="action", tag="gap"):
    """Events that could not be stored because the spool was full: how many, and between which times (I7)."""

    app: str
    lost: int
    since: datetime
    until: datetime
    by: str

    def __post_init__(self) -> None:
        check_time("since", self.since)
        check_time("until", self.until)


Control = Baseline | Proposal | Decision | Gap
EventData = Generation | Feedback | Exposure | ConsentChange | Erasure | Control

DataT = TypeVar("DataT")


class Event(Struct, Generic[DataT], frozen=True, kw_only=True):
    """A CloudEvents 1.0 envelope. `id` is the idempotency key within (app, source); `subject` is the conversation."""

    id: str
    source: str
    type: str
    time: datetime
    data: DataT
    subject: str | None = None
    dataschema: str | None = None
    specversion: str = SPEC_VERSION
    datacontenttype: str = "application/json"

    def __post_init__(self) -> None:
        if self.specversion != SPEC_VERSION:
            raise ValueError(f"specversion {self.specversion} is not {SPEC_VERSION}")
        check_time("time", self.time)


_ENCODER: Final = msgspec.json.Encoder()


def encode(event: Event[Any]) -> bytes:
    """Encode one event as the JSON that travels."""
    return _ENCODER.encode(event)
