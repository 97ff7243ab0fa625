"""Confusion in words: the person asks what the answer meant (A6)."""

from typing import Final

from feedback.detectors.phrases import PhraseDetector, phrase
from feedback.taxonomy import Weights

PHRASES: Final = (
    phrase(r"\bwhat (?:do|did) you mean\b|\bwhat(?:'s| is) that supposed to mean\b", 1.0),
    phrase(r"\bwhat does (?:that|this|it) mean\b", 0.9),
    phrase(r"\bi (?:do not|don't|didn't|can't) (?:really |quite )?(?:understand|get it|get that|follow)\b", 0.9),
    phrase(r"\bi(?:'m| am) (?:a bit |so |very )?(?:confused|lost)\b|\b(?:not clear|unclear|confusing)\b", 0.9),
    phrase(r"\b(?:can|could|would) you (?:please )?(?:explain|clarify|elaborate|rephrase)\b", 0.9),
    phrase(r"^\W*(?:what|huh|sorry|pardon|come again|meaning)\s*\?*\s*$", 0.9),
)


def detector(weights: Weights) -> PhraseDetector:
    """The detector of the family."""
    return PhraseDetector("clarification", 1, "clarification", PHRASES, weights)
