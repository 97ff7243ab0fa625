"""Rephrasing: the person says much the same again, because the answer did not serve (A5).

Read from how much two consecutive messages share, and from words that announce it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from feedback.detectors import base
from feedback.detectors.phrases import START, Phrases, phrase
from feedback.detectors.reading import Reading, Said
from feedback.signal import Signal
from feedback.taxonomy import Weights

REPHRASED_FROM: Final = 0.55
"""Similarity from which two messages say the same: more than half shared, for half is often the topic."""

PHRASES: Final = Phrases((
    phrase("rephrase differently way words repeat reword", r"\b(?:let me|i'?ll|i will|let's) (?:rephrase|reword|"
           r"put it|say (?:it|that)|try|ask|repeat|state)\b.{0,20}"
           r"\b(?:differently|another way|again|other words|rephrase|reword|repeat|that|this|it|myself)\b", 1.0),
    phrase("repeat repeating asking ask again once",
           START + r"(?:i repeat|to repeat|as i (?:said|asked)|i(?:'m| am)? ask(?:ing)? (?:you )?again|"
           r"again,? (?:what|how|where|why|who|when|is|are|can|do)|"
           r"i(?:'ll| will) ask (?:you )?(?:again|once more)|once (?:again|more),? (?:what|how|where|why|who|when|is|"
           r"are|can|do))\b", 1.0),
    phrase("clarify clear specific precise explain", START
           + r"(?:to (?:clarify|be (?:more )?(?:clear|specific|precise))|let me (?:clarify|explain|be (?:more "
           r")?(?:clear|clearer|"
           r"specific|precise)))\b", 0.8),
    phrase("question & again same", START + r"(?:(?:the )?same question\b|(?:the |my )?question again\b)", 1.0),
    phrase("words trying", START + r"in other words\b|\bwhat i(?:'m| am|'ve been) (?:trying to|asking)\b", 0.9),
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class RephraseDetector:
    """Compares each reply with the message before the answer; the same words again mean the same in every language."""

    weights: Weights
    name: str = "rephrase"
    version: int = 3

    def detect(self, reading: Reading, found: Sequence[Signal]) -> list[Signal]:
        """At most one signal per reply."""
        scored = [(said, *self._scored(reading, said)) for said in reading.said]
        return [
            base.in_words(self, "rephrase", said.reply, self.weights, certainty=score, span=span)
            for said, score, span in scored
            if score >= REPHRASED_FROM
        ]

    def _scored(self, reading: Reading, said: Said) -> tuple[float, tuple[int, int] | None]:
        """How surely it says the same, 0..1, and the words that announce it."""
        if said.again or not reading.is_read:
            return float(said.again), None
        match = PHRASES.surest(said.words)
        return (match.phrase.certainty, match.span) if match else (said.similarity, None)
