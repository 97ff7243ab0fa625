"""Thanks and praise in words (A9)."""

from typing import Final

from feedback.detectors import complaint
from feedback.detectors.phrases import PhraseDetector, phrase
from feedback.taxonomy import Weights

PHRASES: Final = (
    phrase(r"\b(?:that|this|it)(?:'s| is| was| has been| worked)? (?:really |very |so |just |exactly )?"
           r"(?:right|correct|perfect|great|helpful|brilliant|what i (?:needed|wanted|was looking for))\b", 1.0),
    phrase(r"\b(?:great|good|excellent|perfect|helpful|nice) (?:answer|reply|response|job|work|explanation|bot)\b",
           1.0),
    phrase(r"\b(?:it|that|this) (?:works|worked|solved it|fixed it|helped|helps)\b", 0.9),
    phrase(r"\bthank(?:s| you|ful)\b|\bthx\b|\bcheers\b|\bmuch appreciated\b", 0.8),
    phrase(r"^\W*(?:perfect|great|awesome|excellent|brilliant|exactly|wonderful|amazing|nice|cool|love it)\b", 0.7),
    phrase(r"^\W*(?:yes|yep|yeah),? (?:exactly|correct|right|perfect|that(?:'s| is) (?:it|right))\b", 0.9),
)  # fmt: skip

UNLESS: Final = (
    phrase(r"\bno,? thank", 1.0),
    phrase(r"\bthank(?:s| you) in advance\b", 1.0),
    phrase(r"\b(?:would|could|might) be (?:great|nice|perfect|helpful)\b", 1.0),
    *(found for found in complaint.PHRASES if found.certainty >= 0.8),
)
"""Politeness before the answer, wishes, and complaints in polite words."""


def detector(weights: Weights) -> PhraseDetector:
    """The detector of the family."""
    return PhraseDetector("positive", 1, "positive", PHRASES, weights, UNLESS)
