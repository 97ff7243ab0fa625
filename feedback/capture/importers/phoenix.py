"""Phoenix's export: spans with OpenInference attributes, and the annotations on them.

In: JSON or JSONL of spans, attributes nested or with dotted names, as the API and the data frame give them; annotations
within their span or on lines of their own. Out: a generation for every LLM span, and feedback for every annotation that
a person made. A session is a conversation, else a trace. The export is read twice, first for the ranges of the scores.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from feedwheel_capture.spool import Record

from feedback.capture.importers.conversations import Unreadable, count, is_whole, mapping, number, objects, text_or_none
from feedback.capture.importers.export import Export
from feedback.capture.importers.langfuse import messages_of, said
from feedback.capture.importers.scores import Ranges, Score, as_feedback
from feedback.capture.importers.scribe import Scribe
from feedback.capture.importers.stream import Told as Progress
from feedback.capture.importers.stream import parts
from feedback.capture.importers.times import moment

_MAX_MESSAGES: Final = 10_000
"""Of one span: what is numbered higher is not looked for."""
Flat = Mapping[str, Any]


def read(export: Export, scribe: Scribe, progress: Progress | None = None) -> Iterator[Record]:
    """The events of an export. Raises ExportRefused."""
    ranges = Ranges()
    for name in export.files:
        for part in parts(export, name):
            if isinstance(part, dict):
                ranges.see(_score(annotation, _span_id(flatten(part))) for annotation in _annotations(part))
    conversations = set[str]()
    for name in export.files:
        for part in parts(export, name, progress):
            if is_whole(part, scribe):
                yield from _read_part(part, ranges, conversations, scribe)
    scribe.tally.conversations = len(conversations)


def _read_part(part: Mapping[str, Any], ranges: Ranges, conversations: set[str], scribe: Scribe) -> Iterator[Record]:
    span = flatten(part)
    try:
        if not _is_annotation(part):
            for record in _answer(span, scribe):
                conversations.add(_conversation(span) or "")
                yield record
    except Unreadable as error:
        scribe.tally.skip(error.reason)
    for annotation in _annotations(part):
        try:
            yield from _annotated(annotation, span, ranges, scribe)
        except Unreadable as error:
            scribe.tally.skip(error.reason)


def _answer(span: Flat, scribe: Scribe) -> Iterator[Record]:
    kind = span.get("openinference.span.kind") or span.get("span_kind")
    if kind != "LLM" and "llm.output_messages.0.message.role" not in span:
        raise Unreadable("not_a_generation")
    span_id, conversation_id = _span_id(span), _conversation(span)
    if not span_id or conversation_id is None:
        raise Unreadable("no_id")
    began, ended = moment(span.get("start_time")), moment(span.get("end_time"))
    time = ended or began
    if time is None:
        raise Unreadable("no_time")
    outputs = _messages(span, "llm.output_messages")
    output = "\n\n".join(filter(None, (message["content"] for message in outputs))) or said(span.get("output.value"))
    latency = {"latency_ms": (ended - began).total_seconds() * 1000} if began and ended and ended >= began else {}
    facts = {
        "response_id": span_id,
        "conversation_id": conversation_id,
        "model": text_or_none(span.get("llm.model_name")) or "unknown",
        "finish_reason": "error" if span.get("status_code") == "ERROR" else "stop",
        "input_tokens": count(span.get("llm.token_count.prompt")),
        "output_tokens": count(span.get("llm.token_count.completion")),
        "tool_calls": list(_calls(span)),
        **latency,
    }
    asked = _messages(span, "llm.input_messages") or messages_of(span.get("input.value"))
    yield from scribe.logged_answer(asked, output, time, text_or_none(span.get("user.id")), facts)


def _annotated(annotation: Mapping[str, Any], span: Flat, ranges: Ranges, scribe: Scribe) -> Iterator[Record]:
    span_id = text_or_none(annotation.get("span_id")) or _span_id(span)
    if not span_id:
        raise Unreadable("no_id")
    score = _score(annotation, span_id)
    kind, value = as_feedback(score, ranges)
    times = (annotation.get("created_at"), annotation.get("updated_at"), span.get("end_time"), span.get("start_time"))
    time = next((found for it in times if (found := moment(it))), None)
    if time is None:
        raise Unreadable("no_time")
    yield from scribe.feedback(
        kind,
        value,
        time,
        text_or_none(span.get("user.id")),
        score.id,
        response_id=span_id,
        conversation_id=_conversation(span),
        surface=score.name,
    )


def _score(annotation: Mapping[str, Any], span_id: str) -> Score:
    result = mapping(annotation.get("result")) or annotation
    name = text_or_none(annotation.get("name")) or text_or_none(annotation.get("annotation_name")) or "annotation"
    return Score(
        id=text_or_none(annotation.get("id")) or f"{span_id}/{name}/{annotation.get('identifier') or ''}",
        name=name,
        number=number(result.get("score")),
        label=text_or_none(result.get("label")),
        comment=text_or_none(result.get("explanation")),
        by_model=annotation.get("annotator_kind") in ("LLM", "CODE"),
    )


def _annotations(part: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if _is_annotation(part):
        return [part]
    return [*objects(part.get("annotations")), *objects(part.get("span_annotations"))]


def _is_annotation(part: Mapping[str, Any]) -> bool:
    return "annotator_kind" in part and "span_id" in part


def _messages(span: Flat, prefix: str) -> list[dict[str, Any]]:
    found = list[dict[str, Any]]()
    for place in range(_MAX_MESSAGES):
        role = span.get(f"{prefix}.{place}.message.role")
        if role is None:
            break
        content = text_or_none(span.get(f"{prefix}.{place}.message.content"))
        found.append({"role": role, "content": content or _contents(span, f"{prefix}.{place}.message.contents")})
    return found


def _contents(span: Flat, prefix: str) -> str:
    texts = list[str]()
    while f"{prefix}.{len(texts)}.message_content.type" in span:
        texts.append(text_or_none(span.get(f"{prefix}.{len(texts)}.message_content.text")) or "")
    return "".join(texts)


def _calls(span: Flat) -> Iterator[dict[str, Any]]:
    for place in range(_MAX_MESSAGES):
        prefix = f"llm.output_messages.0.message.tool_calls.{place}.tool_call.function"
        name = text_or_none(span.get(f"{prefix}.name"))
        if name is None:
            return
        yield {"name": name, "arguments": text_or_none(span.get(f"{prefix}.arguments"))}


def _span_id(span: Flat) -> str:
    return text_or_none(span.get("context.span_id")) or text_or_none(span.get("span_id")) or ""


def _conversation(span: Flat) -> str | None:
    names = ("session.id", "context.trace_id", "trace_id")
    return next((found for name in names if (found := text_or_none(span.get(name)))), None)


def flatten(part: Mapping[str, Any]) -> Flat:
    """A span under dotted names, whichever way it nests; `attributes.` in front of a name says nothing."""
    flat = dict[str, Any]()
    waiting: list[tuple[str, Any]] = [("", part)]
    while waiting:
        prefix, value = waiting.pop()
        if isinstance(value, dict | list):
            inner = value.items() if isinstance(value, dict) else enumerate(value)
            waiting += [(f"{prefix}.{name}" if prefix else str(name), held) for name, held in inner]
        else:
            flat[prefix.removeprefix("attributes.")] = value
    return flat
