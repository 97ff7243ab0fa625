"""Pattern redaction: what is recognisably personal by its form alone never rests anywhere (I4).

In: text, or an event record. Out: the same with each find replaced by its type in brackets. Deterministic, and
idempotent because no replacement matches a pattern. Names and addresses need a language model and are not found here.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from feedwheel_capture.events import EventData, Feedback, FeedbackValue, Generation, Message, PersonalData

REDACTOR: Final = "pattern/1"
"""Stamp on events that went through these patterns; a change of the patterns changes it."""

PiiType = Literal["EMAIL", "CARD", "IBAN", "KEY", "SSN", "IP", "PHONE"]

_MIN_PHONE_DIGITS: Final = 9
"""Below nine digits, amounts and order numbers outnumber phone numbers."""
_MAX_PHONE_DIGITS: Final = 15
"""E.164 allows no more."""


@dataclass(frozen=True, slots=True)
class Span:
    """A find: code points [start, end) of the text, and what it is."""

    start: int
    end: int
    type: PiiType


def _is_card(found: str) -> bool:
    """Luhn check (ISO/IEC 7812-1, annex B) over 13 to 19 digits."""
    digits = [int(char) for char in found if char.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) if place % 2 else digit for place, digit in enumerate(reversed(digits))]
    return 13 <= len(digits) <= 19 and sum(doubled) % 10 == 0


def _is_iban(found: str) -> bool:
    """Remainder check (ISO 13616): letters as numbers from 10, first four moved to the end, modulo 97 is 1."""
    compact = found.replace(" ", "").upper()
    return int("".join(str(int(char, 36)) for char in compact[4:] + compact[:4])) % 97 == 1


def _is_ip(found: str) -> bool:
    return all(int(part) < 256 for part in found.split("."))


def _is_phone(found: str) -> bool:
    digits = sum(char.isdigit() for char in found)
    return _MIN_PHONE_DIGITS <= digits <= _MAX_PHONE_DIGITS and not _DATE.match(found)


_DATE: Final = re.compile(r"(?:19|20)\d\d[-./ ]\d\d?[-./ ]\d\d?|\d\d?[-./]\d\d?[-./](?:19|20)\d\d")

_PATTERNS: Final[tuple[tuple[PiiType, re.Pattern[str], Callable[[str], bool] | None], ...]] = (
    ("EMAIL", re.compile(r"[\w.+%'-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}"), None),
    (
        "KEY",
        re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]{0,8000}?-----END [A-Z ]*PRIVATE KEY-----"
            r"|\b(?:sk|pk|rk)[-_](?:[A-Za-z0-9]{1,20}[-_]){0,4}[A-Za-z0-9]{16,200}\b"
            r"|\bgh[pousr]_[A-Za-z0-9]{30,100}\b|\bglpat-[\w-]{20,100}"
            r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[\w-]{35}|\bxox[abprs]-[\w-]{10,200}"
            r"|\beyJ[\w-]{8,2000}\.eyJ[\w-]{8,4000}\.[\w-]{8,2000}"
        ),
        None,
    ),
    ("IBAN", re.compile(r"\b[A-Za-z]{2}\d{2}(?: ?[A-Za-z0-9]{4}){2,7}(?: ?[A-Za-z0-9]{1,3})?\b"), _is_iban),
    ("CARD", re.compile(r"(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d.]\d)"), _is_card),
    ("SSN", re.compile(r"(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])"), None),
    ("IP", re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])"), _is_ip),
    ("PHONE", re.compile(r"(?<![\w.])(?:\+|00)?\(?\d{1,4}\)?(?:[ .-]{0,2}\(?\d{2,4}\)?){2,5}(?!\w)"), _is_phone),
)
"""Tried in this order; an earlier find keeps its characters from the later patterns. Repetitions are bounded, so a
hostile text costs no more than a constant factor of its length."""


def find(text: str) -> list[Span]:
    """Spans of personal patterns, in order, without overlaps."""
    spans, taken = list[Span](), bytearray(len(text))
    for pii_type, pattern, is_real in _PATTERNS:
        for match in pattern.finditer(text):
            start, end = match.span()
            if not any(taken[start:end]) and (is_real is None or is_real(match[0])):
                taken[start:end] = b"\x01" * (end - start)
                spans.append(Span(start, end, pii_type))
    return sorted(spans, key=lambda span: span.start)


def redact(text: str) -> str:
    """The text with every find replaced by its type in brackets, for example `[EMAIL]`."""
    return "".join(_pieces(text))


def _pieces(text: str) -> Iterator[str]:
    position = 0
    for span in find(text):
        yield text[position : span.start]
        yield f"[{span.type}]"
        position = span.end
    yield text[position:]


def redact_event(data: EventData) -> EventData:
    """The record with every free text redacted and the stamp set; records about no person stay as they are."""
    if not isinstance(data, PersonalData):
        return data
    return msgspec.structs.replace(data, redactor=REDACTOR, **_redacted_texts(data))


def _redacted_texts(data: EventData) -> dict[str, object]:
    match data:
        case Generation():
            return {
                "input": [_redact_message(message) for message in data.input],
                "output": _redact_optional(data.output),
                "tool_calls": [
                    msgspec.structs.replace(call, arguments=_redact_optional(call.arguments))
                    for call in data.tool_calls
                ],
            }
        case Feedback(value=FeedbackValue() as value):
            return {
                "value": msgspec.structs.replace(
                    value,
                    text=_redact_optional(value.text),
                    edited_output=_redact_optional(value.edited_output),
                    chosen=_redact_optional(value.chosen),
                    action=_redact_optional(value.action),
                )
            }
    return {}


def _redact_message(message: Message) -> Message:
    return msgspec.structs.replace(message, content=_redact_optional(message.content))


def _redact_optional(text: str | None) -> str | None:
    return None if text is None else redact(text)
