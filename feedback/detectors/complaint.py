"""Complaints in words, with what they are about (A8)."""

from typing import Final

from feedwheel_capture.vocabulary import ComplaintCategory

from feedback.detectors.phrases import PhraseDetector, phrase, surest
from feedback.taxonomy import Weights

PHRASES: Final = (
    phrase(r"\b(?:that|this|it|you|which)(?:'s| is|'re| are| got it)? (?:all |completely |totally |just )?"
           r"(?:wrong|incorrect|false|mistaken|inaccurate)\b", 1.0, "wrong"),
    phrase(r"\b(?:wrong|incorrect|false) (?:answer|reply|response|information|topic|one)\b", 1.0, "wrong"),
    phrase(r"(?:\bnot|n't) (?:right|correct|true|accurate)\b", 0.9, "wrong"),
    phrase(r"\byou (?:just )?made (?:that|this|it) up\b|\bhallucinat", 1.0, "wrong"),
    phrase(r"\b(?:irrelevant|off[- ]topic)\b|(?:\bnot|n't) (?:relevant|related)\b", 1.0, "irrelevant"),
    phrase(r"\bnothing to do with\b|\bmiss(?:ed|ing|es)? the point\b", 0.9, "irrelevant"),
    phrase(r"(?:\bnot|n't) (?:\w+ )?answer(?:ed|ing)? (?:my|the|what)\b", 1.0, "irrelevant"),
    phrase(r"\bnot what i (?:asked|wanted|need|was asking)", 0.9, "irrelevant"),
    phrase(r"\b(?:you(?:'re| are)|that(?:'s| is| was)|this is) (?:so |very |really )?"
           r"(?:rude|offensive|insulting|racist|sexist|toxic|disrespectful|mean)\b", 1.0, "toxic"),
    phrase(r"\b(?:too|so|way too) (?:long|wordy|verbose|much text)\b|\bmore concise\b", 0.9, "too_long"),
    phrase(r"\b(?:make|keep) (?:it|that|this) (?:short|shorter|brief)\b", 0.7, "too_long"),
    phrase(r"\btoo (?:short|brief)\b", 0.9, "too_short"),
    phrase(r"\btoo (?:vague|general|generic)\b|\b(?:not (?:specific|detailed) enough|not enough detail)", 1.0,
           "missing_detail"),
    phrase(r"\b(?:more specific|more details?)\b", 0.5, "missing_detail"),
    phrase(r"\b(?:useless|terrible|awful|horrible|stupid|dumb|garbage|rubbish|pathetic|ridiculous)\b", 0.8, "bad"),
    phrase(r"\b(?:makes?|making|made) no sense\b|n't make (?:any )?sense\b", 0.9, "bad"),
    phrase(r"(?:\bnot|n't) (?:\w+ )?help(?:ful|ing|ed)?\b|\bunhelpful\b|\bno help\b", 0.9, "bad"),
    phrase(r"\b(?:bad|poor|worst) (?:answer|reply|response|bot|service)\b|\byou suck\b|\bthis sucks\b", 1.0, "bad"),
    phrase(r"\bthanks? (?:you )?for nothing\b", 1.0, "bad"),
)  # fmt: skip


def detector(weights: Weights) -> PhraseDetector:
    """The detector of the family."""
    return PhraseDetector("complaint", 1, "complaint", PHRASES, weights)


def category_of(text: str) -> ComplaintCategory | None:
    """What a text known to be a complaint is about, None if it does not say."""
    match = surest(text, PHRASES)
    return match.phrase.category if match else None
