"""Signals read from phrases, in the language that the person writes.

In: what people wrote after an answer. Out: at most one signal per message and family, that of the surest phrase.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from feedback.detectors import base
from feedback.detectors.phrasebooks import BOOKS
from feedback.detectors.phrases import TASK, Match, PhraseKind, Phrases
from feedback.detectors.reading import Reading, Said
from feedback.signal import Signal
from feedback.taxonomy import Weights


@dataclass(frozen=True, slots=True)
class PhraseDetector:
    """Reads one family of phrases in replies. `phrases`, and `unless`, whose messages are passed over, are English."""

    kind: PhraseKind
    version: int
    phrases: Phrases
    weights: Weights
    unless: Sequence[Phrases] = (TASK,)

    @property
    def name(self) -> str:
        """The family is named by its kind."""
        return self.kind

    def detect(self, reading: Reading, found: Sequence[Signal]) -> list[Signal]:
        """At most one signal per reply, where there are phrases of the language."""
        language = reading.phrases_in
        if language is None:
            return []
        phrases, unless = (self.phrases, self.unless) if language == "en" else BOOKS[language].of(self.kind)
        return [self._signal(said, match) for said, match in _matches(reading, phrases, unless)]

    def _signal(self, said: Said, match: Match) -> Signal:
        return base.in_words(
            self,
            self.kind,
            said.reply,
            self.weights,
            certainty=match.phrase.certainty,
            span=match.span,
            category=match.phrase.category,
        )


def _matches(reading: Reading, phrases: Phrases, unless: Sequence[Phrases]) -> Iterable[tuple[Said, Match]]:
    for said in reading.said:
        match = phrases.surest(said.words, asked=said.asked)
        if match and not any(other.match(said.words, asked=said.asked) for other in unless):
            yield said, match
