"""Signals read from fixed phrases of English: transparent rules, to be replaced by learned models.

In: what people wrote after an answer. Out: at most one signal per message and family, that of the surest phrase.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from feedwheel_capture.vocabulary import ComplaintCategory

from feedback.conversation import Conversation, Reply
from feedback.detectors import base
from feedback.signal import Signal
from feedback.taxonomy import Weights
from schemas.signals import SignalKind

MAX_CHARS_READ: Final = 2000
"""Reactions stand at the beginning of a message; what follows a long paste is not searched."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """A pattern that names a signal; `certainty` 0..1 relative to the confidence of its kind.

    `also_replies`: it also replies to a question, as "no" does, and says nothing where the answer asked one.
    """

    pattern: re.Pattern[str]
    certainty: float
    category: ComplaintCategory | None = None
    also_replies: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """Where a phrase stands in a text: code points, half-open."""

    phrase: Phrase
    span: tuple[int, int]


def phrase(
    pattern: str, certainty: float, category: ComplaintCategory | None = None, *, also_replies: bool = False
) -> Phrase:
    """Compile a pattern; case does not matter, and an apostrophe matches its typographic forms."""
    typed = pattern.replace("'", "['’]")  # noqa: RUF001 (as people type it)
    return Phrase(re.compile(typed, re.IGNORECASE), certainty, category, also_replies)


def surest(text: str, phrases: Iterable[Phrase]) -> Match | None:
    """The match of the surest phrase; of equally sure ones the first in the text."""
    found = [
        Match(candidate, match.span())
        for candidate in phrases
        if (match := candidate.pattern.search(text, 0, MAX_CHARS_READ))
    ]
    return min(found, key=lambda match: (-match.phrase.certainty, match.span), default=None)


@dataclass(frozen=True, slots=True)
class PhraseDetector:
    """Reads one family of phrases in replies; a message with one of `unless` is passed over."""

    name: str
    version: int
    kind: SignalKind
    phrases: Sequence[Phrase]
    weights: Weights
    unless: Sequence[Phrase] = ()

    def detect(self, conversation: Conversation) -> list[Signal]:
        """At most one signal per reply."""
        found = [(reply, surest(reply.text, self._meant(reply))) for reply in conversation.replies]
        return [
            base.in_words(
                self,
                self.kind,
                reply,
                self.weights,
                certainty=match.phrase.certainty,
                span=match.span,
                category=match.phrase.category,
            )
            for reply, match in found
            if match and not surest(reply.text, self.unless)
        ]

    def _meant(self, reply: Reply) -> Sequence[Phrase]:
        """The phrases that mean something after the answer that was given."""
        asked = (reply.about.output or "").rstrip().endswith("?")
        return [candidate for candidate in self.phrases if not (asked and candidate.also_replies)]
