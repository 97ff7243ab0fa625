"""Logs of OpenAI's API: one request with its response per line, or stored chat completions with their messages.

In: JSONL, or JSON holding the same objects. Out: events. `metadata.conversation_id` of a request is followed; without
it a known person's conversation is known by how it begins. Several choices are several answers.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from feedwheel_capture.messages import text_of
from feedwheel_capture.openai import FINISH_REASONS
from feedwheel_capture.spool import Record

from feedback.capture.importers.export import Export
from feedback.capture.importers.refusal import Unreadable
from feedback.capture.importers.scribe import Scribe
from feedback.capture.importers.stream import Progress, parts
from feedback.capture.importers.times import first_moment
from feedback.capture.importers.values import count, mapping, objects, text_or_none

_PERSON: Final = ("user", "safety_identifier")
"""Parameters of a request that name the person; the API replaced the first by the second in 2025."""


def read(export: Export, scribe: Scribe, progress: Progress | None = None) -> Iterator[Record]:
    """The events of a log. Raises ExportRefused."""
    for part in scribe.tally.whole(parts(export, export.files, progress)):
        yield from scribe.tally.guarded(_exchange(part, scribe))


def _exchange(part: Mapping[str, Any], scribe: Scribe) -> Iterator[Record]:
    """Every choice of one response."""
    request, response = _bodies(part)
    choices, messages = objects(response.get("choices")), _messages(part, request)
    if not choices:
        raise Unreadable("no_answer")
    if not messages:
        raise Unreadable("no_messages")
    time = first_moment(part.get("created"), part.get("timestamp"), response.get("created"), part.get("created_at"))
    if time is None:
        raise Unreadable("no_time")
    scribe.tally.conversations += all(message.get("role") != "assistant" for message in messages)
    response_id = text_or_none(response.get("id")) or _fingerprint(part)
    for place, choice in enumerate(choices):
        facts = _facts(request, response, choice)
        facts["response_id"] = f"{response_id}/{place}" if place else response_id
        message = mapping(choice.get("message"))
        text = text_of(message.get("content")) or text_or_none(message.get("refusal")) or ""
        yield from scribe.logged_answer(messages, text, time, _person(part, request), facts)


def _bodies(part: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Request and response; a stored completion is both, a line of a batch keeps each in a `body`."""
    if "response" not in part:
        return part, part
    request, response = mapping(part.get("request")), mapping(part["response"])
    return mapping(request.get("body")) or request or part, mapping(response.get("body")) or response


def _messages(part: Mapping[str, Any], request: Mapping[str, Any]) -> list[dict[str, Any]]:
    for value in (request.get("messages"), part.get("messages"), part.get("input_messages")):
        # The API lists the messages of a stored completion as {"data": [...]}.
        if found := objects(mapping(value).get("data", value)):
            return found
    return []


def _person(part: Mapping[str, Any], request: Mapping[str, Any]) -> str | None:
    names = (text_or_none(holder.get(name)) for holder in (request, part) for name in _PERSON)
    return next(filter(None, names), None)


def _facts(request: Mapping[str, Any], response: Mapping[str, Any], choice: Mapping[str, Any]) -> dict[str, Any]:
    usage, message = mapping(response.get("usage")), mapping(choice.get("message"))
    model = text_or_none(request.get("model")) or text_or_none(response.get("model")) or "unknown"
    functions = [mapping(call.get("function")) for call in objects(message.get("tool_calls"))]
    return {
        "conversation_id": text_or_none(mapping(request.get("metadata")).get("conversation_id")),
        "model": model,
        "model_version": text_or_none(response.get("model")) or model,
        "finish_reason": FINISH_REASONS.get(str(choice.get("finish_reason")), "stop"),
        "input_tokens": count(usage.get("prompt_tokens")),
        "output_tokens": count(usage.get("completion_tokens")),
        "tool_calls": [
            {"name": str(it.get("name")), "arguments": text_or_none(it.get("arguments"))} for it in functions
        ],
    }


def _fingerprint(part: Mapping[str, Any]) -> str:
    """An id for a response that has none: the same line is the same response."""
    return hashlib.sha256(json.dumps(part, sort_keys=True).encode()).hexdigest()[:32]
