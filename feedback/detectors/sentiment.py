"""The trend of the person's sentiment: whether what they write grows friendlier or angrier (A9).

Each message has a tone, by words of a short list of English; the trend is the mean tone of the later half less
that of the earlier one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from feedback.detectors import base
from feedback.detectors.reading import Reading
from feedback.detectors.words import Words, bag
from feedback.signal import Signal
from feedback.taxonomy import Weights

MIN_MESSAGES: Final = 4
"""A half of one message is no mean."""
CHANGED_FROM: Final = 0.5
"""Change of the mean tone, which is within -1..1: every second message of a half has turned."""

GOOD: Final = bag(
    "thanks thank thx great perfect awesome excellent amazing love lovely wonderful brilliant nice cool glad "
    "happy helpful fantastic appreciate cheers yay beautiful impressive good fun funny interesting haha"
)
BAD: Final = bag(
    "wrong useless terrible awful horrible stupid dumb garbage rubbish pathetic ridiculous nonsense crap hate "
    "angry annoyed annoying frustrated frustrating ugh wtf fuck fucking damn shit sucks worst worse "
    "disappointed disappointing upset unacceptable idiot boring fail failed confused incorrect sad"
)
_NEGATED: Final = re.compile(r"\b(?:not|never|no|n't)\b|n't\b|\b(?:isnt|dont|wasnt)\b")


@dataclass(frozen=True, slots=True)
class SentimentDetector:
    """Compares the two halves of what a person wrote, unless the application reported a sentiment."""

    weights: Weights
    name: str = "sentiment"
    version: int = 1

    def detect(self, reading: Reading, found: Sequence[Signal]) -> list[Signal]:
        """At most one signal, about the conversation."""
        said = reading.said
        if len(said) < MIN_MESSAGES or base.is_reported("sentiment", found) or not reading.is_read:
            return []
        tones = [tone(each.words) for each in said]
        middle = len(tones) // 2
        change = fmean(tones[-middle:]) - fmean(tones[:middle])
        if abs(change) < CHANGED_FROM:
            return []
        toned = [each.reply.said_in for each, heard in zip(said, tones, strict=True) if heard]
        return [base.about_all(self, "sentiment", toned, self.weights, 1 if change > 0 else -1)]


def tone(message: Words) -> int:
    """-1, 0 or 1: whether a message has words of one list only; a negation turns good to bad, and bad to nothing."""
    good, bad = not GOOD.isdisjoint(message.words), not BAD.isdisjoint(message.words)
    if good == bad:
        return 0
    if _NEGATED.search(message.text):
        return -1 if good else 0
    return 1 if good else -1
