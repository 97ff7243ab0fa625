"""From telemetry by the OpenTelemetry GenAI conventions to raw events. Pure, and the same for the same record.

In: log records and spans. Out: for each what it holds: events as POST /v1/events takes them, a reason why there is none
(which is no error), or why one cannot be used. A generation is made of an inference (the event
`gen_ai.client.inference.operation.details`, or a span of a caller), feedback of an evaluation that a person gave.

An event's id is a hash of where it stands: whatever is sent again, in whichever batch, is the same event.
"""

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, get_args

from feedwheel_capture.openai import FINISH_REASONS
from feedwheel_capture.vocabulary import ComplaintCategory

from feedback.capture import ratings
from feedback.capture.collector.otlp.messages import Answer, PartType, Reader, Unreadable
from feedback.capture.collector.otlp.observed import Attributes, Happening, Span

MAX_CHOICES: Final = 16
"""Of one request: nobody is shown more, and each is an event that holds the messages again."""
INFERENCE: Final = "gen_ai.client.inference.operation.details"
EVALUATION: Final = "gen_ai.evaluation.result"
SOURCE: Final = "feedwheel/otlp"

Ignored = Literal[
    "not_gen_ai",
    "other_operation",  # embeddings, tools, agents: the answers inside them have spans of their own
    "other_event",  # of the GenAI conventions; among them the messages of version 1.36 and before
    "not_a_caller",  # the server's account of what the caller tells as well
    "judged_by_model",
    "metric",
]
"""Why a record holds no event."""
Unusable = Literal[
    "unreadable_messages", "too_many_choices", "no_response_id", "unknown_evaluator", "no_scale", "no_score"
]
"""Why a record that is meant to hold an event holds none; its sender can mend it."""

_DETAILS: Final[dict[Unusable, str]] = {
    "unreadable_messages": "no list of messages by the convention; an attribute that was cut at a length is none",
    "too_many_choices": f"more than {MAX_CHOICES} answers to one request",
    "no_response_id": "neither gen_ai.response.id nor a trace and a span id",
    "unknown_evaluator": "only what a person says is feedback: set gen_ai.evaluation.evaluator.type to human",
    "no_scale": "a number says nothing without its scale: set feedwheel.scale to [lowest, highest]",
    "no_score": "neither a label that says good or bad nor a number",
}
_OPERATIONS: Final = frozenset({"chat", "text_completion", "generate_content"})
_FINISHES: Final = {**FINISH_REASONS, "tool_call": "tool_calls", "tool_use": "tool_calls", "max_tokens": "length"}
"""The convention's word, and those of a provider that instrumentations pass on."""
_USERS: Final = ("enduser.id", "user.id", "gen_ai.user")
"""The first that is there; the last is OpenLLMetry's name for what an application tells the model's provider."""
_SHARED: Final = ("gen_ai.response.id", "gen_ai.conversation.id", *_USERS)
"""What an evaluation on a span need not say again."""
_SAMPLING: Final = ("temperature", "top_p", "top_k", "max_tokens", "seed", "frequency_penalty", "presence_penalty")
_CATEGORIES: Final = frozenset(get_args(ComplaintCategory))
_COMPLAINTS: Final = frozenset({"complaint", "report"})
_PEOPLE: Final = "human"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ID_CHARS: Final = 32


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that is meant to hold an event, which cannot be made of it."""

    reason: Unusable

    @property
    def detail(self) -> str:
        """What its sender can do."""
        return _DETAILS[self.reason]


@dataclass(frozen=True, slots=True)
class Left:
    """What has no place here: a record, or a part of a message."""

    reason: Ignored | PartType


Found = dict[str, Any] | Refused | Left


class _Unusable(Exception):
    def __init__(self, reason: Unusable) -> None:
        super().__init__(reason)
        self.refused = Refused(reason)


def of_log(log: Happening, app: str) -> Iterator[Found]:
    """What a log record holds."""
    if log.name == INFERENCE:
        yield from _guarded(_inference(_Exchange(log.attributes, log), app))
    elif log.name == EVALUATION:
        yield from _guarded(_evaluation(log, app))
    else:
        yield Left("other_event" if log.name.startswith("gen_ai.") else "not_gen_ai")


def of_metric(metric: object, app: str) -> Iterator[Found]:
    """What a metric holds."""
    yield Left("metric")


def of_span(span: Span, app: str) -> Iterator[Found]:
    """What a span holds, and what is said of it in its events."""
    exchange = _exchange_of(span)
    if (reason := _why_no_inference(span, exchange.attributes)) is None:
        yield from _guarded(_inference(exchange, app))
    about = {name: exchange.attributes[name] for name in _SHARED if name in exchange.attributes}
    evaluations = [(place, event) for place, event in enumerate(span.events) if event.name == EVALUATION]
    for place, event in evaluations:
        said = Happening(event.name, {**about, **event.attributes}, event.trace_id, event.span_id, event.time_ns)
        yield from _guarded(_evaluation(said, app, place))
    if reason is not None and not evaluations:
        yield Left(reason)


def _guarded(found: Iterator[Found]) -> Iterator[Found]:
    try:
        yield from found
    except _Unusable as error:
        yield error.refused


def _why_no_inference(span: Span, attributes: Attributes) -> Ignored | None:
    operation = _text(attributes, "gen_ai.operation.name")
    if operation is None:
        return "not_gen_ai"
    if operation not in _OPERATIONS:
        return "other_operation"
    return None if span.is_outgoing else "not_a_caller"


@dataclass(frozen=True, slots=True)
class _Exchange:
    """One inference: its attributes, where it stands, and what only a span knows."""

    attributes: Attributes
    at: Happening
    latency_ms: float = 0.0
    is_error: bool = False


def _exchange_of(span: Span) -> _Exchange:
    details = [event.attributes for event in span.events if event.name == INFERENCE]
    attributes = {name: value for part in (span.attributes, *details) for name, value in part.items()}
    latency_ms = max(0, span.ended_ns - span.started_ns) / 1e6 if span.started_ns else 0.0
    at = Happening("span", attributes, span.trace_id, span.span_id, span.ended_ns)
    return _Exchange(attributes, at, latency_ms, span.is_error)


def _inference(exchange: _Exchange, app: str) -> Iterator[Found]:
    """A generation for every choice, and what was left out. Raises _Unusable."""
    attributes, reader = exchange.attributes, Reader()
    response_id = _response_id(exchange.at)
    messages, answers = _said(attributes, reader)
    facts = _facts(exchange)
    reasons = attributes.get("gen_ai.response.finish_reasons")
    for place, answer in enumerate(answers):
        told = reasons[place] if isinstance(reasons, list) and place < len(reasons) else None
        finish = (answer.finish_reason if answer else None) or told
        is_error = exchange.is_error or "error.type" in attributes
        data = {
            **facts,
            "response_id": response_id if not place else f"{response_id}/{place}",
            "messages": messages,
            "output": answer.text if answer else None,
            "tool_calls": answer.tool_calls if answer else [],
            "finish_reason": "error" if is_error else _FINISHES.get(str(finish), "stop"),
        }
        yield _event("feedwheel.generation.v1", data, exchange.at, app, response_id, str(place))
    for part, count in reader.left_out.items():
        yield from [Left(part)] * count


def _said(attributes: Attributes, reader: Reader) -> tuple[list[dict[str, Any]], list[Answer | None]]:
    """Messages and answers; no messages, and None for the answer, where an application does not record them."""
    asked, instructions = attributes.get("gen_ai.input.messages"), attributes.get("gen_ai.system_instructions")
    answered = attributes.get("gen_ai.output.messages")
    try:
        messages = [] if asked is None else reader.messages(asked)
        if messages and instructions is not None:
            messages = reader.system(instructions) + messages
        answers: list[Answer | None] = [None] if answered is None else [*reader.answers(answered)]
    except Unreadable:
        raise _Unusable("unreadable_messages") from None
    if len(answers) > MAX_CHOICES:
        raise _Unusable("too_many_choices")
    return messages, answers or [None]


def _facts(exchange: _Exchange) -> dict[str, Any]:
    attributes = exchange.attributes
    answered_by = _text(attributes, "gen_ai.response.model")
    asked_for = _text(attributes, "gen_ai.request.model")
    model = asked_for or answered_by or "unknown"
    waited_s = attributes.get("gen_ai.response.time_to_first_chunk")
    facts = {
        **_about(attributes),
        "model": model,
        "model_version": answered_by or model,
        "latency_ms": exchange.latency_ms,
        "input_tokens": attributes.get("gen_ai.usage.input_tokens"),
        "output_tokens": attributes.get("gen_ai.usage.output_tokens"),
        "time_to_first_token_ms": waited_s * 1000 if isinstance(waited_s, int | float) else None,
        "sampling": {
            name: value for name in _SAMPLING if (value := attributes.get(f"gen_ai.request.{name}")) is not None
        },
    }
    return {name: value for name, value in facts.items() if value is not None}


def _evaluation(said: Happening, app: str, place: int = 0) -> Iterator[Found]:
    """The feedback of a person. Raises _Unusable."""
    attributes = said.attributes
    evaluator = attributes.get("gen_ai.evaluation.evaluator.type")
    if evaluator is None:
        raise _Unusable("unknown_evaluator")
    if evaluator != _PEOPLE:
        yield Left("judged_by_model")
        return
    name = _text(attributes, "gen_ai.evaluation.name") or "evaluation"
    kind, value = _judgement(name, attributes)
    response_id = _response_id(said)
    event = _event("feedwheel.feedback.v1", {}, said, app, response_id, name, str(place))
    event["data"] = {
        **_about(attributes),
        "feedback_id": event["id"],
        "response_id": response_id,
        "kind": kind,
        "value": {name: held for name, held in value.items() if held is not None},
        "surface": name,
    }
    yield event


def _judgement(name: str, attributes: Attributes) -> tuple[str, Mapping[str, Any]]:
    """Kind and value. Raises _Unusable."""
    label, number = _text(attributes, "gen_ai.evaluation.score.label"), attributes.get("gen_ai.evaluation.score.value")
    comment = _text(attributes, "gen_ai.evaluation.explanation")
    if name.lower() in _COMPLAINTS:
        return "complaint", {"text": comment, "category": label if label in _CATEGORIES else None}
    scale = _scale(attributes.get("feedwheel.scale"))
    if scale is not None and isinstance(number, int | float):
        return ratings.as_feedback(name, float(number), scale, comment)
    said = None if label is None else ratings.number_of(label)
    if said is None:
        raise _Unusable("no_score" if number is None else "no_scale")
    return ratings.as_feedback(name, said, ratings.LABEL_SCALE, comment)


def _scale(value: Any) -> ratings.Scale | None:
    if not isinstance(value, list) or len(value) != 2:
        return None
    low, high = value
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        return None
    return (float(low), float(high)) if math.isfinite(low) and math.isfinite(high) else None


def _about(attributes: Attributes) -> dict[str, Any]:
    """Who said it, and in which conversation."""
    user = next((named for name in _USERS if (named := _text(attributes, name))), None)
    known = {"user": user, "conversation_id": _text(attributes, "gen_ai.conversation.id")}
    return {name: value for name, value in known.items() if value is not None}


def _response_id(at: Happening) -> str:
    """The id by which feedback names an answer. Raises _Unusable."""
    if named := _text(at.attributes, "gen_ai.response.id"):
        return named
    if at.trace_id and at.span_id:
        return f"{at.trace_id}-{at.span_id}"
    raise _Unusable("no_response_id")


def _event(event_type: str, data: dict[str, Any], at: Happening, app: str, *parts: str) -> dict[str, Any]:
    """A raw event. `parts` tell it from others at the same place."""
    place = (app, at.trace_id, at.span_id, at.name, str(at.time_ns), *parts)
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": hashlib.sha256("\x1f".join(place).encode()).hexdigest()[:_ID_CHARS],
        "source": SOURCE,
        "type": event_type,
        "data": data,
    }
    if at.time_ns:
        event["time"] = _EPOCH + timedelta(microseconds=at.time_ns // 1000)
    return event


def _text(attributes: Attributes, name: str) -> str | None:
    """A name or id; None where it is empty or no text."""
    value = attributes.get(name)
    return value if isinstance(value, str) and value else None
