"""Phoenix's export: spans with OpenInference attributes, and the annotations on them.

In: JSON or JSONL of spans, attributes nested or with dotted names, as the API and the data frame give them; annotations
within their span or on lines of their own. Out: a generation for every LLM span, and feedback for every annotation that
a person made. A session is a conversation, else a trace. The export is read twice, first for the ranges of the scores.
"""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from feedwheel_capture.spool import Record

from feedback.capture.importers.export import Export
from feedback.capture.importers.logged import messages_of, said
from feedback.capture.importers.refusal import Unreadable
from feedback.capture.importers.scores import Ranges, Score, Subject, scored
from feedback.capture.importers.scribe import Scribe
from feedback.capture.importers.stream import Progress, parts
from feedback.capture.importers.times import elapsed_ms, first_moment, moment
from feedback.capture.importers.values import count, number, objects, text_or_none

Flat = Mapping[str, Any]


def read(export: Export, scribe: Scribe, progress: Progress | None = None) -> Iterator[Record]:
    """The events of an export. Raises ExportRefused."""
    ranges = Ranges()
    for part in parts(export, export.files):
        if isinstance(part, dict):
            span = flatten(part)
            ranges.see(_score(annotation, span) for annotation in _annotations(part))
    conversations = set[str]()
    for part in scribe.tally.whole(parts(export, export.files, progress)):
        span = flatten(part)
        if not _is_annotation(part):
            for record in scribe.tally.guarded(_answer(span, scribe)):
                conversations.add(_conversation(span) or "")
                scribe.tally.conversations = len(conversations)
                yield record
        for annotation in _annotations(part):
            score, about = _score(annotation, span), _subject(annotation, span)
            yield from scribe.tally.guarded(scored(score, about, ranges, scribe))


def _answer(span: Flat, scribe: Scribe) -> Iterator[Record]:
    kind = span.get("openinference.span.kind") or span.get("span_kind")
    if kind != "LLM" and "llm.output_messages.0.message.role" not in span:
        raise Unreadable("not_a_generation")
    span_id, conversation_id = _span_id(span), _conversation(span)
    if span_id is None or conversation_id is None:
        raise Unreadable("no_id")
    began, ended = moment(span.get("start_time")), moment(span.get("end_time"))
    time = ended or began
    if time is None:
        raise Unreadable("no_time")
    outputs = _messages(span, "llm.output_messages")
    output = "\n\n".join(filter(None, (message["content"] for message in outputs))) or said(span.get("output.value"))
    facts = {
        "response_id": span_id,
        "conversation_id": conversation_id,
        "model": text_or_none(span.get("llm.model_name")) or "unknown",
        "finish_reason": "error" if span.get("status_code") == "ERROR" else "stop",
        "input_tokens": count(span.get("llm.token_count.prompt")),
        "output_tokens": count(span.get("llm.token_count.completion")),
        "latency_ms": elapsed_ms(began, ended) or 0.0,
        "tool_calls": list(_calls(span)),
    }
    asked = _messages(span, "llm.input_messages") or messages_of(span.get("input.value"))
    yield from scribe.logged_answer(asked, output, time, text_or_none(span.get("user.id")), facts)


def _score(annotation: Mapping[str, Any], span: Flat) -> Score:
    flat = flatten(annotation)
    result = {name: flat.get(f"result.{name}", flat.get(name)) for name in ("score", "label", "explanation")}
    name = text_or_none(flat.get("name")) or text_or_none(flat.get("annotation_name")) or "annotation"
    about = text_or_none(flat.get("span_id")) or _span_id(span)
    return Score(
        id=text_or_none(flat.get("id")) or (about and f"{about}/{name}/{flat.get('identifier') or ''}"),
        name=name,
        number=number(result["score"]),
        label=text_or_none(result["label"]),
        comment=text_or_none(result["explanation"]),
        time=first_moment(flat.get("created_at"), flat.get("updated_at"), span.get("end_time"), span.get("start_time")),
        by_person=flat.get("annotator_kind") == "HUMAN",
    )


def _subject(annotation: Mapping[str, Any], span: Flat) -> Subject | None:
    span_id = text_or_none(annotation.get("span_id")) or _span_id(span)
    return Subject(text_or_none(span.get("user.id")), span_id, _conversation(span)) if span_id else None


def _annotations(part: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if _is_annotation(part):
        return [part]
    return [*objects(part.get("annotations")), *objects(part.get("span_annotations"))]


def _is_annotation(part: Mapping[str, Any]) -> bool:
    return "annotator_kind" in part and "span_id" in part


def _messages(span: Flat, prefix: str) -> list[dict[str, Any]]:
    found = list[dict[str, Any]]()
    for message in _numbered(span, f"{prefix}.%d.message", "role"):
        content = text_or_none(span.get(f"{message}.content"))
        texts = (span.get(f"{part}.text") for part in _numbered(span, f"{message}.contents.%d.message_content", "type"))
        words = content or "".join(text for text in texts if isinstance(text, str))
        found.append({"role": span[f"{message}.role"], "content": words})
    return found


def _calls(span: Flat) -> Iterator[dict[str, Any]]:
    called = "llm.output_messages.0.message.tool_calls.%d.tool_call.function"
    for function in _numbered(span, called, "name"):
        yield {"name": str(span[f"{function}.name"]), "arguments": text_or_none(span.get(f"{function}.arguments"))}


def _numbered(span: Flat, pattern: str, required: str) -> Iterator[str]:
    """The names that a list's elements have in a span, up to the first that lacks what is required."""
    names = (pattern % place for place in itertools.count())
    return itertools.takewhile(lambda name: span.get(f"{name}.{required}") is not None, names)


def _span_id(span: Flat) -> str | None:
    return text_or_none(span.get("context.span_id")) or text_or_none(span.get("span_id"))


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
