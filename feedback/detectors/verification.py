"""Doubt in words: "are you sure?" (A6)."""

from typing import Final

from feedback.detectors.phrase_detector import PhraseDetector
from feedback.detectors.phrases import Phrases, phrase
from feedback.taxonomy import Weights

PHRASES: Final = Phrases((
    phrase("sure certain serious positive confident", r"\bare you (?:really |absolutely |quite |100% |"
           r"still )?(?:sure|certain|serious|positive|confident)\b", 1.0),
    phrase("sure", r"^\W*(?:you sure|sure about that)\b", 0.9),
    phrase("right true correct accurate", r"\bis (?:that|this|it) (?:really |actually |even |still )?(?:right|true|"
           r"correct|accurate)\b", 1.0),
    phrase("check verify", r"\b(?:double[- ]?check|(?:please|can you|could you|you should|did you) (?:re)?(?:check|"
           r"verify) (?:that|this|it|your)(?! out))\b", 0.9),
    phrase("know sure", r"\bhow (?:do|can|would) you (?:know|be (?:so )?sure)\b(?= (?:that|this|it|so)\b|\W*$)", 0.9),
    phrase("source sources reference references cite citation",
           r"\b(?:what(?:'s| is| are)|cite|give me|do you have|where(?:'s| is| are)|can you (?:give|cite|"
           r"provide)(?: me)?) (?:a |any |the |"
           r"some )?(?:your )?(?:sources?|references?|citations?)\b|^\W*(?:sources?|citation needed)\W*$", 0.8),
    phrase("really seriously", r"^\W*(?:really|seriously)\s*\?", 0.8),
    phrase("sure serious certain & u", r"\b(?:are|r) u (?:\w+ )?(?:sure|serious|certain)\b|^\W*u sure\b", 1.0),
    phrase("confirm recheck", r"\b(?:can|could) you (?:please )?(?:confirm (?:that|this|it)|recheck)\b", 0.9),
    phrase("prove proof evidence", r"^\W*(?:prove (?:it|that)|(?:any|what|where(?:'?s| is) the|do you have(?: any)?) "
           r"(?:proof|evidence))\b", 0.8),
    phrase("says according", r"^\W*(?:says who|according to (?:who|whom|what))\b", 0.9),
    phrase("where how & you u", r"\bwhere did (?:you|u) (?:get|find|read|hear|see) (?:that|this|these|those)\b|"
           r"\bhow (?:did you (?:get (?:that|this|these|those)|come up with|arrive at|calculate)|sure are you)\b", 0.8),
))  # fmt: skip


def detector(weights: Weights) -> PhraseDetector:
    """The detector of the family."""
    return PhraseDetector("verification", 3, PHRASES, weights)
