"""Redaction: what is recognisably personal never rests anywhere (I4).

In: text, or an event record. Out: the same with each find replaced by its type in brackets. Deterministic, and
idempotent because what stands in brackets is no find. Finders may be added; if one breaks, nothing gets through.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Protocol

import msgspec

from feedwheel_capture.errors import RedactionFailed
from feedwheel_capture.events import EventData, Feedback, FeedbackValue, Generation, Message, PersonalData
from feedwheel_capture.patterns import Span, find

REDACTOR: Final = "pattern/3"
"""Stamp on events that went through the patterns; a change of the patterns changes it."""
_MAX_LOOKS: Final = 8
"""At one text. A second finds what stood too close to a find of the first; texts of people need no third."""

Mask = Callable[[str, str], str]
"""From a type and the text of a find to what stands in its place."""


class Finder(Protocol):
    """A plug-in: finds what the patterns do not. `name` becomes part of the stamp; types are upper case."""

    @property
    def name(self) -> str:
        """With its version, for example `names/1`."""

    def __call__(self, text: str) -> Sequence[Span]:
        """Spans of a text."""


def by_type(pii_type: str, found: str) -> str:
    """The usual mask: `[EMAIL]`."""
    return f"[{pii_type}]"


class Redactor:
    """The patterns, and whatever finders are added; finds of the patterns win where they overlap."""

    def __init__(self, finders: Sequence[Finder] = (), mask: Mask = by_type) -> None:
        self._finders = finders
        self._mask = mask
        self.stamp = "+".join([REDACTOR, *(finder.name for finder in finders)])

    def redact(self, text: str) -> str:
        """The text with every find masked, such that nothing more is found in it. Raises RedactionFailed."""
        try:
            spans = self._find(text)
            for _ in range(_MAX_LOOKS):
                if not spans:
                    return text
                text = "".join(self._pieces(text, spans))
                spans = find(text)
        except Exception as error:  # whatever a plug-in raises, text that nobody has looked through must not pass
            raise RedactionFailed(type(error).__name__) from error
        raise RedactionFailed(f"finds after {_MAX_LOOKS} looks")

    def _find(self, text: str) -> list[Span]:
        spans = find(text)
        for finder in self._finders:
            spans += [span for span in finder(text) if not _overlaps(span, spans)]
        return sorted(spans, key=lambda span: span.start) if self._finders else spans

    def _pieces(self, text: str, spans: Sequence[Span]) -> Iterator[str]:
        position = 0
        for span in spans:
            yield text[position : span.start]
            yield self._mask(span.type, text[span.start : span.end])
            position = span.end
        yield text[position:]

    def redact_event(self, data: EventData) -> EventData:
        """The record with every free text redacted and the stamp set. Raises RedactionFailed.

        Records about no person stay as they are.
        """
        if not isinstance(data, PersonalData):
            return data
        return msgspec.structs.replace(data, redactor=self.stamp, **self._redacted_texts(data))

    def _redacted_texts(self, data: EventData) -> dict[str, Any]:
        optional = self._redact_optional
        match data:
            case Generation():
                calls = [msgspec.structs.replace(call, arguments=optional(call.arguments)) for call in data.tool_calls]
                return {
                    "input": [self._redact_message(message) for message in data.input],
                    "output": optional(data.output),
                    "tool_calls": calls,
                }
            case Feedback(value=FeedbackValue() as value):
                texts = {name: optional(getattr(value, name)) for name in ("text", "edited_output", "chosen", "action")}
                return {"value": msgspec.structs.replace(value, **texts)}
        return {}

    def _redact_message(self, message: Message) -> Message:
        return msgspec.structs.replace(message, content=self._redact_optional(message.content))

    def _redact_optional(self, text: str | None) -> str | None:
        return None if text is None else self.redact(text)


def _overlaps(span: Span, others: Sequence[Span]) -> bool:
    return any(span.start < other.end and other.start < span.end for other in others)


PATTERNS: Final = Redactor()
"""The patterns alone: what every event goes through at least."""


def redact(text: str) -> str:
    """The text with every find of the patterns replaced by its type in brackets, for example `[EMAIL]`."""
    return PATTERNS.redact(text)


def redact_event(data: EventData) -> EventData:
    """The record with every free text redacted by the patterns and the stamp set."""
    return PATTERNS.redact_event(data)
