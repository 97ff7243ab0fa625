"""Doubt in words: "are you sure?" (A6)."""

from typing import Final

from feedback.detectors.phrases import PhraseDetector, phrase
from feedback.taxonomy import Weights

PHRASES: Final = (
    phrase(r"\bare you (?:really |absolutely |quite )?(?:sure|certain|serious)\b", 1.0),
    phrase(r"\bis (?:that|this|it) (?:really |actually )?(?:right|true|correct|accurate)\b", 1.0),
    phrase(r"\b(?:double[- ]?check|check (?:that|this|it|your)|verify (?:that|this|it|your))\b", 0.9),
    phrase(r"\bhow (?:do|can) you (?:know|be sure)\b", 0.9),
    phrase(r"\bwhat(?:'s| is) your source\b|\bsource\?", 0.8),
    phrase(r"^\W*(?:really|seriously)\s*\?", 0.8),
)


def detector(weights: Weights) -> PhraseDetector:
    """The detector of the family."""
    return PhraseDetector("verification", 1, "verification", PHRASES, weights)
