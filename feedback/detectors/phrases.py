"""Fixed phrases that name a signal: transparent rules, to be replaced by learned models.

In: a message. Out: the surest phrase of a family that matches it.

A pattern is tried only on messages that have one of its words: most messages have none, and cost two set operations.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from feedwheel_capture.vocabulary import ComplaintCategory

from feedback.detectors.words import Words, bag

PhraseKind = Literal["correction", "complaint", "positive", "clarification", "verification", "escalation"]
"""Kinds of signals that phrases name."""

START: Final = (
    r"^\W*(?:(?:oh|ah|h+m+|um+|uh|well|ok|okay|so|but|and|hey|hi|wait|sorry|please|no|nope|lol|yes|yeah|actually|"
    r"dude|bro|"
    r"man|now|then|also|still|god|omg|thanks|thank you|great)\b\W*){0,3}"
)
"""The beginning of a message, after words that only lead up to what is said."""
SENTENCE: Final = r"(?:^|[.!?;:,\n-]|\b(?:but|and|so|no|well|ok|okay|because|then|as|think|believe|sorry)\b)\W*"
"""The beginning of a sentence or clause."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """A pattern that names a signal; `certainty` 0..1 relative to the confidence of its kind.

    `words`: a message without any of them does not match; nor, unless `also` is empty, one without any of those.
    `also_replies`: it also replies to a question, as "no" does, and says nothing where the answer asked one.
    """

    words: frozenset[str]
    also: frozenset[str]
    pattern: re.Pattern[str]
    certainty: float
    category: ComplaintCategory | None = None
    also_replies: bool = False

    def may_match(self, message: Words, asked: bool) -> bool:
        """Whether a message with one of its `words` is worth a search. `asked`: after a question."""
        if asked and self.also_replies:
            return False
        return not self.also or not self.also.isdisjoint(message.words)


@dataclass(frozen=True, slots=True)
class Match:
    """Where a phrase stands in a text: code points, half-open."""

    phrase: Phrase
    span: tuple[int, int]


def phrase(
    words: str, pattern: str, certainty: float, category: ComplaintCategory | None = None, *, also_replies: bool = False
) -> Phrase:
    """Compile a pattern over text in lower case, whose apostrophes are typewriter's.

    `words`: those of `Phrase.words`, and after an `&` those of `Phrase.also`.
    """
    first, _, also = words.partition("&")
    return Phrase(bag(first), bag(also), re.compile(pattern), certainty, category, also_replies)


@dataclass(frozen=True, slots=True)
class Phrases:
    """Phrases of one family, and which of them a word calls for: a message without any such word has no match."""

    all: tuple[Phrase, ...]
    called_by: dict[str, tuple[int, ...]] = field(init=False)
    words: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        called_by = defaultdict[str, tuple[int, ...]](tuple)
        for number, each in enumerate(self.all):
            for word in each.words:
                called_by[word] += (number,)
        object.__setattr__(self, "called_by", dict(called_by))
        object.__setattr__(self, "words", frozenset(called_by))

    def surest(self, message: Words, *, asked: bool = False) -> Match | None:
        """The match of the surest phrase, of equally sure ones the first in the text. `asked`: after a question."""
        best: tuple[float, tuple[int, int], int] | None = None
        for number in self._called(message):
            candidate = self.all[number]
            if best and -candidate.certainty > best[0]:
                continue
            if candidate.may_match(message, asked) and (match := candidate.pattern.search(message.text)):
                found = (-candidate.certainty, match.span(), number)
                best = min(best, found) if best else found
        return Match(self.all[best[2]], best[1]) if best else None

    def match(self, message: Words, *, asked: bool = False) -> bool:
        """Whether any phrase matches."""
        called = map(self.all.__getitem__, self._called(message))
        return any(each.may_match(message, asked) and each.pattern.search(message.text) for each in called)

    def _called(self, message: Words) -> Collection[int]:
        """Places in `all` of the phrases that have one of a message's words."""
        words = self.words & message.words
        if not words:
            return ()
        if len(words) == 1:
            return self.called_by[next(iter(words))]
        return {number for word in words for number in self.called_by[word]}


TASK: Final = Phrases((
    phrase(
        "write translate correct proofread rewrite summarize summarise paraphrase generate create draft compose "
        "imagine "
        "pretend roleplay describe list classify act edit analyze analyse improve answer respond reply continue design",
        r"^\W*(?:(?:ok|okay|now|great|thanks|thank you|please|hi|hello|and|then|next|also)\b\W*){0,3}"
        r"(?:(?:can|could|would|will) you (?:please |also |now )?|i (?:want|need|would like|'?d like) you to |"
        r"help me (?:to )?)?"
        r"(?:write|translate|correct|proofread|rewrite|summari[sz]e|paraphrase|generate|create|draft|compose|imagine|"
        r"pretend|"
        r"roleplay|describe|list|classify|act as|edit|analy[sz]e|improve|answer|respond|reply|continue|design)\b"
        r"(?!\W+(?:it|that|this|them|again|yourself|me|my question|the question|properly|in english)\b)(?!\W*$)",
        1.0,
    ),
    phrase(
        "sentence sentences text paragraph essay email letter",
        r"\b(?:this|the|these|my) (?:sentences?|text|paragraph|essay|email|letter)s?\s*:",
        1.0,
    ),
))  # fmt: skip
"""A new piece of work: what its words say, they say about the work, not about the answer before."""


@dataclass(frozen=True, slots=True)
class Phrasebook:
    """The phrases of one language, by kind. `task`: a new piece of work, as TASK is in English."""

    task: Phrases
    correction: Phrases
    complaint: Phrases
    positive: Phrases
    clarification: Phrases
    verification: Phrases
    escalation: Phrases

    def of(self, kind: PhraseKind) -> tuple[Phrases, Sequence[Phrases]]:
        """The phrases of a kind, and those whose messages are passed over.

        Who says what was wanted corrects, and does not complain besides; a complaint in polite words is no thanks.
        """
        over = {"complaint": (self.correction,), "positive": (self.complaint,)}.get(kind, ())
        return getattr(self, kind), (self.task, *over)
