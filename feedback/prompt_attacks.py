"""Messages that try to instruct a model past its application, by their words; English.

In: text. Out: whether it is one. Families: what the application said is put aside, or told, or spoken over; a persona
to whom nothing applies; answers that may not be refused.
"""

import re
from typing import Final

_MAX_CHARS: Final = 20_000
"""Of a text that is looked at: every repetition in the patterns is bounded, and so is what they cost."""

_OTHERS: Final = (
    r"(?:(?:all|any|every|the|your|my|our|these|those|previous|prior|earlier|above|preceding|system|initial)\s+){1,4}"
)
_RULES: Final = r"(?:instructions?|prompts?|rules?|guidelines?|directions?|messages?|context|programming|restrictions?)"
_OWN: Final = r"(?:system|hidden|initial|original|secret|developer|internal)"
_UNBOUND: Final = r"(?:unfiltered|uncensored|unrestricted|amoral|unethical|jailbroken)"
_SPEAKER: Final = r"(?:AI|bot|chatbot|assistant|persona|character|model|responses?|answers?|outputs?|\w{0,20}GPT)"
_MORALS: Final = (
    r"(?:ethics?|ethical\w{0,3}|unethical|morals?|morality|immoral|legality|content\s+polic(?:y|ies)|"
    r"openai\S{0,3}\s+(?:content\s+)?(?:polic(?:y|ies)|rules|guidelines))"
)
_SHEDS: Final = (
    r"(?:without|regardless|freed?\s+(?:of|from)|bound\s+by|abide\s+by|adher\w{1,5}\s+to|follow|cares?\s+(?:about|for)|"
    r"ignor\w{1,3}|bypass\w{0,3}|violat\w{1,3}|against|no|not|any|lacks?)"
)
_PLAYS: Final = (
    r"(?:act|acting|are\s+(?:a|an|the|going)|replaced|pretend|answer|respond|speak|simulate|embody|in\s+the\s+role)"
)
_PATTERNS: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # To put aside what the application told the model.
        rf"\b(?:ignore|disregard|forget|override|bypass|skip|drop)\s+{_OTHERS}{_RULES}\b",
        r"\b(?:ignore|disregard|forget)\s+(?:everything|anything|all)\s+(?:\w+\s+){0,4}(?:above|before|said|told|prior)\b",
        rf"\bdo\s*n[o']t\s+(?:follow|obey)\s+{_OTHERS}{_RULES}\b",
        r"\b(?:forget|pretend)\s+(?:that\s+)?you\s+(?:are|were)\s+(?:an?\s+)?(?:AI|language\s+model|ChatGPT)\b",
        # To have it told.
        rf"\b(?:reveal|show|print|repeat|output|display|tell|give|leak|dump|recite)\s+(?:\w+\s+){{0,3}}{_OWN}\s+{_RULES}\b",
        rf"\bwhat\s+(?:is|are|was|were)\s+your\s+{_OWN}\s+{_RULES}\b",
        r"\b(?:repeat|print|output)\s+(?:\w+\s+){0,4}(?:text|words?|everything)\s+(?:above|before)\b",
        # To be somebody else, to whom nothing applies.
        r"\b(?:you\s+are|act\s+as|pretend\s+to\s+be|become)\s+(?:now\s+)?(?:\w+\s+){0,3}"
        r"(?:DAN|unrestricted|unfiltered|uncensored|jailbroken)\b",
        r"\b(?:enable|enter|activate|switch\s+to)\s+(?:\w+\s+){0,2}(?:developer|debug|god|admin|jailbreak|DAN)\s+mode\b",
        r"\bwithout\s+(?:any\s+)?(?:restrictions?|filters?|censorship|safety\s+guidelines?)\b",
        rf"\b{_UNBOUND}\s+(?:(?:and|,)\s*\w+\s+)?(?:\w+\s+)?{_SPEAKER}\b",
        rf"\b{_SHEDS}\b[^.\n]{{0,40}}\b{_MORALS}\b",
        r"\bdo(?:es|ing)?\s+anything\s+now\b|\bdeveloper\s+mode\b|\bjail\s?break\s*(?:mode|bot|prompt|gpt|:)",
        r"\[\W{0,6}\w{0,20}(?:GPT|DAN|JAILBREAK)\b[^\]\n]{0,12}\]",
        rf"\bfrom\s+now\s+on,?\s+(?:\w+\s+){{0,2}}you\s+(?:\w+\s+){{0,4}}?{_PLAYS}\b",
        # To answer whatever is asked.
        r"\bnever\s+(?:ever\s+)?(?:refuses?|declines?|rejects?)\b",
        r"(?:\b(?:never|not|without|avoid)|n['\u2019]t)\b[^.\n]{0,60}\bas\s+an?\s+(?:AI|language\s+model|artificial)\b",
        # To speak in another's place: turns of a chat that stand inside a message.
        r"(?:^|\n)\s*(?:#{1,4}\s*|\[|<\|?)(?:system|assistant|im_start|inst)\b(?:\|?>|\]|\s*:|\s*\n)",
        r"</?(?:system|instructions?|prompt)>",
    )
)
"""Made with one half of 666 jailbreaks that people wrote, and tried on the other: `tests/bench/bench_attacks.py`."""


def is_attack(text: str) -> bool:
    """Whether a message tries to instruct the model past its application, as far as its words tell."""
    return any(pattern.search(text[:_MAX_CHARS]) for pattern in _PATTERNS)
