"""Langfuse's export: traces with their observations and scores.

In: JSON or JSONL, names in camel or snake case. Out: a generation for every observation of that type, and feedback for
every score that a person gave. A session is a conversation, a trace without one is a conversation of its own. A score
of a whole trace is about its last generation. The export is read twice, first for the ranges of the scores.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from feedwheel_capture.messages import text_of
from feedwheel_capture.spool import Record

from feedback.capture.importers.conversations import Unreadable, count, is_whole, mapping, number, objects, text_or_none
from feedback.capture.importers.export import Export
from feedback.capture.importers.scores import Ranges, Score, as_feedback
from feedback.capture.importers.scribe import Scribe
from feedback.capture.importers.stream import Told as Progress
from feedback.capture.importers.stream import parts
from feedback.capture.importers.times import moment

_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_BY_MODEL: Final = "EVAL"


def read(export: Export, scribe: Scribe, progress: Progress | None = None) -> Iterator[Record]:
    """The events of an export. Raises ExportRefused."""
    ranges = Ranges()
    for name in export.files:
        for part in parts(export, name):
            if isinstance(part, dict):
                ranges.see(_score(score) for score in objects(part.get("scores")))
    for name in export.files:
        for part in parts(export, name, progress):
            if is_whole(part, scribe):
                yield from _trace(part, ranges, scribe)


def _trace(part: Mapping[str, Any], ranges: Ranges, scribe: Scribe) -> Iterator[Record]:
    """Generations by time, then what was said about them."""
    is_observation = part.get("type") == "GENERATION" and "observations" not in part
    found = [part] if is_observation else objects(part.get("observations"))
    generations = [it for it in found if it.get("type") == "GENERATION" and text_or_none(it.get("id"))]
    generations.sort(key=lambda it: str(_get(it, "startTime")))
    scribe.tally.skip("not_a_generation", len(found) - len(generations))
    trace_id = text_or_none(_get(part, "traceId")) or text_or_none(part.get("id"))
    if trace_id is None:
        scribe.tally.skip("no_id")
        return
    conversation_id = text_or_none(_get(part, "sessionId")) or trace_id
    user = text_or_none(_get(part, "userId"))
    scribe.tally.conversations += 1
    if not generations:
        scribe.tally.skip("no_answer")
    for generation in generations:
        yield from _guarded(_answer(generation, part, conversation_id, user, scribe), scribe)
    ids = [str(generation["id"]) for generation in generations]
    for score in objects(part.get("scores")):
        yield from _guarded(_scored(score, part, ids, conversation_id, user, ranges, scribe), scribe)


def _guarded(records: Iterator[Record], scribe: Scribe) -> Iterator[Record]:
    try:
        yield from records
    except Unreadable as error:
        scribe.tally.skip(error.reason)


def _answer(
    generation: Mapping[str, Any], trace: Mapping[str, Any], conversation_id: str, user: str | None, scribe: Scribe
) -> Iterator[Record]:
    began, ended = moment(_get(generation, "startTime")), moment(_get(generation, "endTime"))
    time = ended or began or moment(trace.get("timestamp"))
    if time is None:
        raise Unreadable("no_time")
    facts = {
        "response_id": str(generation["id"]),
        "conversation_id": conversation_id,
        "model": text_or_none(generation.get("model"))
        or text_or_none(_get(generation, "providedModelName"))
        or "unknown",
        "finish_reason": "error" if generation.get("level") == "ERROR" else "stop",
        **_tokens(mapping(_get(generation, "usageDetails")) or mapping(generation.get("usage"))),
        **_latency(began, ended, moment(_get(generation, "completionStartTime"))),
    }
    yield from scribe.logged_answer(
        messages_of(generation.get("input")), said(generation.get("output")), time, user, facts
    )


def _scored(
    score: Mapping[str, Any],
    trace: Mapping[str, Any],
    answers: list[str],
    conversation_id: str,
    user: str | None,
    ranges: Ranges,
    scribe: Scribe,
) -> Iterator[Record]:
    read_score = _score(score)
    kind, value = as_feedback(read_score, ranges)
    time = moment(score.get("timestamp")) or moment(_get(score, "createdAt")) or moment(trace.get("timestamp"))
    if not read_score.id:
        raise Unreadable("no_id")
    if time is None:
        raise Unreadable("no_time")
    about = _get(score, "observationId")
    if not answers:
        raise Unreadable("no_such_answer")
    yield from scribe.feedback(
        kind,
        value,
        time,
        user,
        read_score.id,
        response_id=str(about) if about in answers else answers[-1],
        conversation_id=conversation_id,
        surface=read_score.name,
    )


def _score(score: Mapping[str, Any]) -> Score:
    return Score(
        id=text_or_none(score.get("id")) or "",
        name=text_or_none(score.get("name")) or "score",
        number=number(score.get("value")),
        label=text_or_none(_get(score, "stringValue")) or text_or_none(score.get("value")),
        comment=text_or_none(score.get("comment")),
        by_model=score.get("source") == _BY_MODEL,
    )


def messages_of(value: Any) -> list[dict[str, Any]]:
    """An input as messages: a list of them, an object that holds one, or anything else as what the person said."""
    value = _decoded(value)
    held = value.get("messages") if isinstance(value, dict) else value
    found = [message for message in objects(held) if "role" in message]
    if found:
        return found
    return [{"role": "user", "content": said(value)}]


def said(value: Any) -> str:
    """The text of an output: a message, its content, or whatever it is as JSON."""
    value = _decoded(value)
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, dict) and "content" in value:
        return text_of(value["content"])
    messages = objects(value)
    if messages and all("role" in message for message in messages):
        return "\n\n".join(filter(None, (text_of(message.get("content")) for message in messages)))
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _decoded(value: Any) -> Any:
    """Files of the blob storage hold inputs and outputs as JSON within JSON."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            return value
    return value


def _tokens(usage: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "input_tokens": count(usage.get("input", usage.get("promptTokens"))),
        "output_tokens": count(usage.get("output", usage.get("completionTokens"))),
    }


def _latency(began: datetime | None, ended: datetime | None, first: datetime | None) -> dict[str, float]:
    if began is None:
        return {}
    instants = {"latency_ms": ended, "time_to_first_token_ms": first}
    spans = {name: (instant - began).total_seconds() * 1000 for name, instant in instants.items() if instant}
    return {name: span for name, span in spans.items() if span >= 0}


def _get(part: Mapping[str, Any], name: str) -> Any:
    return part.get(name, part.get(_CAMEL.sub("_", name).lower()))
