"""Error correction in words: "no, I meant ..." (A5)."""

from typing import Final

from feedback.detectors.phrases import PhraseDetector, phrase
from feedback.taxonomy import Weights

PHRASES: Final = (
    phrase(r"\b(?:i meant|what i mean|i was asking|i was talking about|my question was)\b", 1.0),
    phrase(r"\b(?:that|this|it)(?:'s| is| was) not (?:what i|it\b)", 0.9),
    phrase(r"\bnot what i (?:asked|meant|said|wanted)\b", 0.9),
    phrase(r"\b(?:right|correct) (?:answer|topic|one|word) (?:is|was|would be)\b", 0.9),
    phrase(r"\b(?:it|that|this|you) should (?:be|have)\b", 0.8),
    phrase(r"^\W*(?:no|nope|nah|wrong)\b"
           r"(?!\W*(?:thank|problem|worr|need|more\b|idea|one\b|that(?:'s| is) (?:all|it|fine|ok)))\W+\w",
           0.8, also_replies=True),
    phrase(r"^\W*(?:it|this|that)(?:'s| is) about\b", 0.8, also_replies=True),
    phrase(r"^\W*i (?:asked|said)\b", 0.8),
    phrase(r"^\W*actually\b", 0.5),
    phrase(r"^\W*i mean\b", 0.5),
)  # fmt: skip


def detector(weights: Weights) -> PhraseDetector:
    """The detector of the family."""
    return PhraseDetector("correction", 1, "correction", PHRASES, weights)
