"""Factories of events: valid by default, every field replaceable by keyword."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from feedwheel_capture.catalogue import event_type
from feedwheel_capture.events import ConsentChange, Exposure, Feedback, FeedbackValue, Generation, Message
from feedwheel_capture.ids import thread_hash

from feedback.conversation import Conversation, Logged, Position, assemble

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
APP = "routing"
KEY = "test-user-key-1"
PERSON: dict[str, Any] = {
    "app": APP,
    "user_key": "person-1",
    "user_key_id": 1,
    "split_bucket": 4711,
    "consent": "content",
}
LIKED = FeedbackValue(rating=1.0, scale=(-1.0, 1.0))
DISLIKED = FeedbackValue(rating=-1.0, scale=(-1.0, 1.0))


def user(text: str | None, length: int | None = None) -> Message:
    return Message(role="user", content=text, length=length if text is None else len(text))


def generation(
    response_id: str, request: str = "Where is my card?", output: str | None = "card arrival", **fields: Any
) -> Generation:
    """An answer that continues `history`, the (role, content) pairs before its input."""
    history: Sequence[tuple[str, str]] = fields.pop("history", ())
    prefix = thread_hash(KEY, "", history)
    asked = thread_hash(KEY, prefix, [("user", request)])
    defaults: dict[str, Any] = {
        **PERSON,
        "request_id": f"request-{response_id}",
        "conversation_id": "conversation-1",
        "turn": 0,
        "app_type": "task",
        "model": "base",
        "model_version": "base-1",
        "arm": "champion",
        "input": [user(request)],
        "prefix_hash": prefix,
        "request_hash": asked,
        "thread_hash": thread_hash(KEY, asked, [("assistant", output or "")]),
        "output_length": len(output or ""),
        "finish_reason": "stop",
        "input_tokens": 5,
        "output_tokens": 2,
        "latency_ms": 100.0,
    }
    return Generation(response_id=response_id, output=output, **{**defaults, **fields})


def dialogue(*messages: str, **fields: Any) -> list[Generation]:
    """Answers a0, a1, ... of one thread: user and assistant texts in turn; an answer may be missing at the end."""
    history: list[tuple[str, str]] = []
    answers = []
    for number in range(0, len(messages), 2):
        request, output = messages[number], (*messages, "an answer")[number + 1]
        answers.append(generation(f"a{number // 2}", request, output, history=tuple(history), **fields))
        history += [("user", request), ("assistant", output)]
    return answers


def feedback(kind: str = "thumbs", value: FeedbackValue | None = LIKED, response_id: str | None = "a0", **fields: Any):
    defaults = {**PERSON, "feedback_id": "feedback-1", "surface": "answer"}
    return Feedback(kind=kind, value=value, response_id=response_id, **{**defaults, **fields})


def exposure(response_id: str = "a0", **fields: Any) -> Exposure:
    defaults: dict[str, Any] = {
        **PERSON,
        "exposure_id": "exposure-1",
        "conversation_id": "conversation-1",
        "arm": "champion",
        "policy": "gate",
        "propensity": 1.0,
        "offered": ["thumbs", "edit"],
    }
    return Exposure(response_id=response_id, **{**defaults, **fields})


def consent(state: str, **fields: Any) -> ConsentChange:
    return ConsentChange(change_id=f"change-to-{state}", **{**PERSON, **fields, "consent": state})


def logged(data: Any, offset: int, **fields: Any) -> Logged[Any]:
    """The event at an offset of a partition, sent one minute after the one before it."""
    topic = event_type(data).topic
    sent_at = START + timedelta(minutes=offset)
    defaults: dict[str, Any] = {
        "position": Position(f"{topic}-id", 0, offset, topic),
        "appended_at": sent_at + timedelta(milliseconds=20),
        "event_id": f"event-{offset:04d}",
        "source": "app",
        "sent_at": sent_at,
    }
    return Logged(data=data, **{**defaults, **fields})


def log(*data: Any) -> list[Logged[Any]]:
    """Events one minute apart, in this order."""
    return [logged(record, offset) for offset, record in enumerate(data)]


def conversation(
    *events: Any, as_of: datetime = START, abandoned_after: timedelta = timedelta(minutes=30)
) -> Conversation:
    """A conversation of records, or of logged events."""
    placed = [event if isinstance(event, Logged) else logged(event, n) for n, event in enumerate(events)]
    return assemble(placed, as_of, abandoned_after)
