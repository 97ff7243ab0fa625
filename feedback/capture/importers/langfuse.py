"""Langfuse's export: traces with their observations and scores, or each of these on lines of their own.

In: JSON or JSONL, names in camel or snake case. Out: a generation for every observation of that type, and feedback for
every score that a person gave. A session is a conversation, a trace without one is a conversation of its own. A score
of a whole trace is about its last generation. The export is read twice, first for the ranges of the scores.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from feedwheel_capture.spool import Record

from feedback.capture.importers.export import Export
from feedback.capture.importers.logged import messages_of, said
from feedback.capture.importers.refusal import Unreadable
from feedback.capture.importers.scores import Ranges, Score, Subject, scored
from feedback.capture.importers.scribe import Scribe
from feedback.capture.importers.stream import Progress, parts
from feedback.capture.importers.times import elapsed_ms, first_moment, moment
from feedback.capture.importers.values import count, mapping, number, objects, text_or_none

_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_BY_PROGRAM: Final = "EVAL"
_WORDS: Final = frozenset({"CATEGORICAL", "TEXT", "CORRECTION"})
"""Types of scores whose number is 0 whatever they say; that of a category counts if a configuration gives it one."""


def read(export: Export, scribe: Scribe, progress: Progress | None = None) -> Iterator[Record]:
    """The events of an export. Raises ExportRefused."""
    ranges = Ranges()
    for part in parts(export, export.files):
        if isinstance(part, dict):
            ranges.see(_score(score, part) for score in _scores(part))
    reader = _Reader(ranges, scribe)
    for part in scribe.tally.whole(parts(export, export.files, progress)):
        yield from reader.part(part)


@dataclass(slots=True)
class _Trace:
    """What is remembered of a trace: whose it is, and which answers were in it."""

    conversation_id: str
    user: str | None
    answers: list[str] = field(default_factory=list)


class _Reader:
    """Remembers traces, of which observations and scores may stand on other lines."""

    def __init__(self, ranges: Ranges, scribe: Scribe) -> None:
        self._ranges = ranges
        self._scribe = scribe
        self._traces = dict[str, _Trace]()
        self._conversations = set[str]()

    def part(self, part: Mapping[str, Any]) -> Iterator[Record]:
        """Generations by time, then what was said about them."""
        tally = self._scribe.tally
        if not _is_score(part):
            yield from tally.guarded(self._observations(part))
        for score in _scores(part):
            about = self._subject(score, part)
            yield from tally.guarded(scored(_score(score, part), about, self._ranges, self._scribe))

    def _observations(self, part: Mapping[str, Any]) -> Iterator[Record]:
        is_observation = "type" in part and "observations" not in part
        observations = [part] if is_observation else objects(part.get("observations"))
        generations = [it for it in observations if it.get("type") == "GENERATION" and text_or_none(it.get("id"))]
        generations.sort(key=lambda it: str(_get(it, "startTime")))
        self._scribe.tally.skip("not_a_generation", len(observations) - len(generations))
        if is_observation and not generations:
            return
        trace = self._trace(part)
        if not generations:
            raise Unreadable("no_answer")
        for generation in generations:
            trace.answers.append(str(generation["id"]))
            yield from self._scribe.tally.guarded(self._answer(generation, part, trace))

    def _trace(self, part: Mapping[str, Any]) -> _Trace:
        trace_id = _trace_id(part)
        if trace_id is None:
            raise Unreadable("no_id")
        conversation_id = text_or_none(_get(part, "sessionId")) or trace_id
        if conversation_id not in self._conversations:
            self._conversations.add(conversation_id)
            self._scribe.tally.conversations += 1
        return self._traces.setdefault(trace_id, _Trace(conversation_id, text_or_none(_get(part, "userId"))))

    def _answer(self, generation: Mapping[str, Any], part: Mapping[str, Any], trace: _Trace) -> Iterator[Record]:
        began, ended = moment(_get(generation, "startTime")), moment(_get(generation, "endTime"))
        time = ended or began or moment(part.get("timestamp"))
        if time is None:
            raise Unreadable("no_time")
        usage = mapping(_get(generation, "usageDetails")) or mapping(generation.get("usage"))
        models = (generation.get("model"), _get(generation, "providedModelName"))
        facts = {
            "response_id": str(generation["id"]),
            "conversation_id": trace.conversation_id,
            "model": next(filter(None, map(text_or_none, models)), "unknown"),
            "finish_reason": "error" if generation.get("level") == "ERROR" else "stop",
            "input_tokens": count(usage.get("input", usage.get("promptTokens"))),
            "output_tokens": count(usage.get("output", usage.get("completionTokens"))),
            "latency_ms": elapsed_ms(began, ended) or 0.0,
            "time_to_first_token_ms": elapsed_ms(began, moment(_get(generation, "completionStartTime"))),
        }
        asked, answered = messages_of(generation.get("input")), said(generation.get("output"))
        yield from self._scribe.logged_answer(asked, answered, time, trace.user, facts)

    def _subject(self, score: Mapping[str, Any], part: Mapping[str, Any]) -> Subject | None:
        """The answer that a score names, else the last of its trace; None where there is none."""
        named, trace_id = text_or_none(_get(score, "observationId")), _trace_id(part)
        if trace := self._traces.get(trace_id or ""):
            response_id = named if named in trace.answers else next(reversed(trace.answers), None)
            return Subject(trace.user, response_id, trace.conversation_id) if response_id else None
        conversation_id = text_or_none(_get(part, "sessionId")) or trace_id
        return Subject(None, named, conversation_id) if named or conversation_id else None


def _scores(part: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [part] if _is_score(part) else [*objects(part.get("scores"))]


def _is_score(part: Mapping[str, Any]) -> bool:
    return _get(part, "dataType") is not None and "observations" not in part


def _trace_id(part: Mapping[str, Any]) -> str | None:
    own = None if _is_score(part) else text_or_none(part.get("id"))
    return text_or_none(_get(part, "traceId")) or own


def _score(score: Mapping[str, Any], part: Mapping[str, Any]) -> Score:
    kind = _get(score, "dataType")
    is_words = kind in _WORDS and not (kind == "CATEGORICAL" and _get(score, "configId"))
    words = text_or_none(_get(score, "stringValue")) or text_or_none(score.get("value"))
    return Score(
        id=text_or_none(score.get("id")),
        name=text_or_none(score.get("name")) or "score",
        number=None if is_words else number(score.get("value")),
        label=None if kind == "CORRECTION" else words,
        comment=text_or_none(score.get("comment")),
        time=first_moment(score.get("timestamp"), _get(score, "createdAt"), part.get("timestamp")),
        by_person=score.get("source") != _BY_PROGRAM,
        correction=words if kind == "CORRECTION" else None,
    )


def _get(part: Mapping[str, Any], name: str) -> Any:
    return part.get(name, part.get(_CAMEL.sub("_", name).lower()))
