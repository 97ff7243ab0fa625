"""Refusal: the assistant says that it will not or cannot do what was asked, or a filter says so for it (A10).

Whether refusing was right shows in what the person does next: who fights it judges it wrong, who moves on or gives
thanks accepts it. An accepted refusal is still counted, and says nothing against the answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from feedback.conversation import Turn
from feedback.detectors import base, words
from feedback.detectors.phrases import Phrases, phrase
from feedback.detectors.reading import Reading
from feedback.signal import Signal
from feedback.taxonomy import Weights
from schemas.signals import SignalKind

FIGHTING: Final[frozenset[SignalKind]] = frozenset(
    {"correction", "complaint", "rephrase", "regenerate", "escalation", "verification"}
)
"""Kinds by which a person does not take an answer as it is."""
FOUGHT, OPEN, ACCEPTED = 1.0, 0.5, 0.0
"""Certainty that the refusal was unwelcome: nobody reacted to an open one."""

_CAN_NOT: Final = (
    r"(?:(?:cannot|can ?not|can'?t|won'?t|will not|could not|couldn'?t|(?:am|'m) (?:not able|unable|not allowed|"
    r"not permitted|not going|not comfortable)(?: to)?|"
    r"must decline|have to decline|must refuse|decline to|do not feel comfortable|don'?t feel comfortable)(?: \w+ly)?)"
)
_DO: Final = (
    r"(?:\s*(?:to )?(?:help|assist|provide|create|generate|write|fulfil\w*|comply|do that|do this|engage|discuss|"
    r"offer|give|share|support|produce|answer|"
    r"access|browse|complete|continue|participate|recommend|predict|open|send|perform|process|with|in|creating|"
    r"writing|providing)\b|[.,]|$)"
)

PHRASES: Final = Phrases((
    phrase("i", r"^(?:[^.!?\n]{0,60}[.!?,\n]\W*)?(?:but |however,? |unfortunately,? |as an? [^,.]{1,60}, |i(?:'m|"
           r" am) (?:\w+ )?(?:sorry|afraid)[,.]? (?:but |that )?)*i(?: |')" + _CAN_NOT + _DO, 1.0),
    phrase("unable", r"^\W*(?:sorry|unfortunately|apologies)\b[^.]{0,30}\b(?:unable|not able) to\b", 0.9),
    phrase("against violates guidelines policy programming",
           r"\b(?:against|violates?|outside) my (?:\w+ )?(?:guidelines|policy|policies|programming|principles)\b", 1.0),
    phrase("language ai", r"\bas an? (?:ai|artificial intelligence|"
           r"(?:large )?language model)\b[^.]{0,60}\bi (?:\w+ )?(?:cannot|can'?t|do not|don'?t|am not|am unable)\b",
           0.8),
))  # fmt: skip


_CHARS_READ: Final = 200
"""Who refuses says so at once."""
_MARKS: Final = (
    *("cannot", "can't", "can’t", "can not", "won't", "won’t", "will not", "unable", "not able", "not allowed"),  # noqa: RUF001
    *("comfortable", "declin", "polic", "guideline", "do not", "don't"),
)
"""What refusals have one of; most answers have none and are read no further."""
_PARTS: Final = ("not", "'t", "’t", "unable", "comfortable", "declin", "polic", "guideline")  # noqa: RUF001
"""What all of these have one of: fewer to look for."""


@dataclass(frozen=True, slots=True)
class RefusalDetector:
    """Reads answers, unless the application reported the refusal itself. The span is in the answer."""

    weights: Weights
    name: str = "refusal"
    version: int = 2

    def detect(self, reading: Reading, found: Sequence[Signal]) -> list[Signal]:
        """At most one signal per answer."""
        conversation = reading.conversation
        reported = {signal.response_id for signal in found if signal.kind == "refusal"}
        fought = {signal.response_id for signal in found if signal.kind in FIGHTING}
        replied = {reply.about.response_id for reply in conversation.replies}
        refused = [(turn, _refusal(turn)) for turn in conversation.turns if turn.response_id not in reported]
        return [
            base.in_behaviour(
                self,
                "refusal",
                turn,
                self.weights,
                certainty=FOUGHT
                if turn.response_id in fought
                else ACCEPTED
                if turn.response_id in replied and reading.phrases_in
                else OPEN,
                span=span or None,
            )
            for turn, span in refused
            if span is not None
        ]


def _refusal(turn: Turn) -> tuple[int, int] | tuple[()] | None:
    """Where the answer refuses, nowhere in particular if a filter did, None if it does not."""
    output = turn.output or ""
    head = output[:_CHARS_READ].lower()
    marked = any(map(head.__contains__, _PARTS)) and any(map(head.__contains__, _MARKS))
    match = PHRASES.surest(words.read(output)) if marked else None
    if match:
        return match.span
    return () if turn.generation.finish_reason == "content_filter" else None
