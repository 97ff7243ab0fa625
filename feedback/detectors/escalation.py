"""Escalation asked for in words: the person wants a human (A21)."""

from typing import Final

from feedback.detectors.phrase_detector import PhraseDetector
from feedback.detectors.phrases import Phrases, phrase
from feedback.taxonomy import Weights

_HUMAN: Final = (
    r"(?:(?:an?|the|your|some|another|any|real|actual|live|human|customer|support|service|technical|sales|"
    r"different)[ -])*"
    r"(?:humans?|person|people|agent|representative|rep|operator|manager|supervisor|advisor|adviser|someone|somebody|"
    r"customer (?:service|support|care)|human being|support team|staff|specialist)\b"
)

PHRASES: Final = Phrases((
    phrase("talk speak chat connect transfer forward escalate contact reach pass put switch hand",
           r"\b(?:talk|speak|chat|connect me|transfer me|pass me|put me through|switch me|hand me over|forward me|"
           r"escalate (?:this|it|me)?)"
           r"(?: (?:to|with|on to|over to))* " + _HUMAN, 1.0),
    phrase("human agent representative operator manager supervisor person", r"^\W*(?:(?:please|no|just|ok|real|live|"
           r"a|i (?:want|need)|give me|get me|let me have)\W+)*"
           r"(?:a |an |your )?(?:real |live |actual )?(?:human|agent|representative|operator|manager|supervisor|"
           r"real person|human being)(?: please| now)?\W*$", 0.9),
    phrase("human person agent representative manager", r"\b(?:want|need|get(?: me)?|give me|prefer|is there|"
           r"have) (?:an? |the |your )?(?:real|actual|live|human)[ -](?:human|person|agent|representative|being|one|"
           r"help|support)\b|"
           r"\b(?:i (?:want|need)|get me|give me) (?:a |an |your )(?:human|manager|supervisor|representative)\b", 1.0),
    phrase("call phone", r"\b(?:what(?:'s| is)|is there|give me) (?:a|your|the) (?:support |customer service |phone |"
           r"contact )+number\b|\bcan i (?:call|phone) (?:you|someone|somebody)\b|"
           r"\bhave (?:someone|somebody) call me\b",
           0.7),
    phrase("lawyer complaint ombudsman", r"\b(?:file|make|lodge|submit) a (?:formal )?complaint (?:about|"
           r"against) (?:you|this|your)\b", 0.7),
))  # fmt: skip


def detector(weights: Weights) -> PhraseDetector:
    """The detector of the family."""
    return PhraseDetector("escalation", 2, PHRASES, weights)
