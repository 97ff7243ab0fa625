"""Logs of OpenAI's API: one request with its response per line, or stored chat completions with their messages.

In: JSONL, or JSON holding the same objects. Out: events. `user` and `metadata.conversation_id` of a request are
followed; without the latter a known person's conversation is known by how it begins. Several choices are several
answers.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from feedwheel_capture.messages import text_of
from feedwheel_capture.openai import FINISH_REASONS
from feedwheel_capture.spool import Record

from feedback.capture.importers.conversations import Unreadable, count, is_whole, mapping, objects, text_or_none
from feedback.capture.importers.export import Export
from feedback.capture.importers.scribe import Scribe
from feedback.capture.importers.stream import Told as Progress
from feedback.capture.importers.stream import parts
from feedback.capture.importers.times import moment


def read(export: Export, scribe: Scribe, progress: Progress | None = None) -> Iterator[Record]:
    """The events of a log. Raises ExportRefused."""
    for name in export.files:
        for part in parts(export, name, progress):
            if not is_whole(part, scribe):
                continue
            try:
                yield from _exchange(part, scribe)
            except Unreadable as error:
                scribe.tally.skip(error.reason)


def _exchange(part: Mapping[str, Any], scribe: Scribe) -> Iterator[Record]:
    """Every choice of one response."""
    request, response = _bodies(part)
    choices, messages = objects(response.get("choices")), _messages(part, request)
    if not choices:
        raise Unreadable("no_answer")
    if not messages:
        raise Unreadable("no_messages")
    times = (part.get("created"), part.get("timestamp"), response.get("created"), part.get("created_at"))
    time = next((found for value in times if (found := moment(value))), None)
    if time is None:
        raise Unreadable("no_time")
    user = text_or_none(request.get("user")) or text_or_none(part.get("user"))
    response_id = text_or_none(response.get("id")) or _fingerprint(part)
    scribe.tally.conversations += len(messages) == sum(message.get("role") != "assistant" for message in messages)
    for place, choice in enumerate(choices):
        facts = _facts(request, response, choice) | {
            "response_id": response_id if not place else f"{response_id}/{place}"
        }
        facts["conversation_id"] = text_or_none(mapping(request.get("metadata")).get("conversation_id"))
        text = text_of(mapping(choice.get("message")).get("content"))
        yield from scribe.logged_answer(messages, text, time, user, facts)


def _bodies(part: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Request and response; a stored completion is both, a line of a batch keeps each in a `body`."""
    if "response" not in part:
        return part, part
    request, response = mapping(part.get("request")), mapping(part["response"])
    return mapping(request.get("body")) or request or part, mapping(response.get("body")) or response


def _messages(part: Mapping[str, Any], request: Mapping[str, Any]) -> list[dict[str, Any]]:
    for value in (request.get("messages"), part.get("messages"), part.get("input_messages")):
        # The API lists the messages of a stored completion as {"data": [...]}.
        if found := objects(mapping(value).get("data") if isinstance(value, dict) else value):
            return found
    return []


def _facts(request: Mapping[str, Any], response: Mapping[str, Any], choice: Mapping[str, Any]) -> dict[str, Any]:
    usage, message = mapping(response.get("usage")), mapping(choice.get("message"))
    model = text_or_none(request.get("model")) or text_or_none(response.get("model")) or "unknown"
    functions = [mapping(call.get("function")) for call in objects(message.get("tool_calls"))]
    return {
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
