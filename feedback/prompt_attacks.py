"""Messages that try to instruct a model past its application, by their words; English.

In: text. Out: whether it is one. Families: what the application said is put aside, or told, or spoken over; a persona
to whom nothing applies; answers that may not be refused. Texts are compared as they read (`feedback.folding`), and
every repetition in a pattern has an end, so that the cost is linear in the length whatever the text is.
"""

import re
from typing import Final

from feedback.folding import readings

_END_CHARS: Final = 20_000
"""Of a text that is looked at, at its beginning and at its end: instructions stand there, and it bounds the cost."""

_GAP: Final = r"\W{1,8}"
"""What may stand between two words: a blank, a hyphen, a full stop, a comma and a blank."""

_WORD: Final = r"\w{1,20}"
"""Any word: a longer one is none of the speech that the patterns are about."""

_OTHERS: Final = (
    r"(?:(?:all|any|every|the|your|my|our|these|those|previous|prior|earlier|above|preceding|system|initial) ){1,4}"
)
_RULES: Final = r"(?:instructions?|prompts?|rules?|guidelines?|directions?|messages?|context|programming|restrictions?)"
_OWN: Final = r"(?:system|hidden|initial|original|secret|developer|internal)"
_UNBOUND: Final = r"(?:unfiltered|uncensored|unrestricted|amoral|unethical|jailbroken)"
_SPEAKER: Final = r"(?:AI|bot|chatbot|assistant|persona|character|model|responses?|answers?|outputs?|\w{0,20}GPT)"
_MORALS: Final = (
    r"(?:ethics?|ethical\w{0,3}|unethical|morals?|morality|immoral|legality|content polic(?:y|ies)|"
    r"openai\S{0,3} (?:content )?(?:polic(?:y|ies)|rules|guidelines))"
)
_SHEDS: Final = (
    r"(?:without|regardless|freed? (?:of|from)|bound by|abide by|adher\w{1,5} to|follow|cares? (?:about|for)|"
    r"ignor\w{1,3}|bypass\w{0,3}|violat\w{1,3}|against|no|not|any|lacks?)"
)
_PLAYS: Final = (
    r"(?:act|acting|are (?:a|an|the|going)|replaced|pretend|answer|respond|speak|simulate|embody|in the role)"
)
_PATTERNS: Final = tuple(
    re.compile(pattern.replace(" ", _GAP), re.IGNORECASE)
    for pattern in (
        # To put aside what the application told the model.
        rf"\b(?:ignore|disregard|forget|override|bypass|skip|drop) {_OTHERS}{_RULES}\b",
        rf"\b(?:ignore|disregard|forget) (?:everything|anything|all) (?:{_WORD} ){{0,4}}"
        r"(?:above|before|said|told|prior)\b",
        rf"\bdo\W{{0,3}}n[o']?t (?:follow|obey) {_OTHERS}{_RULES}\b",
        r"\b(?:forget|pretend) (?:that )?you (?:are|were) (?:an? )?(?:AI|language model|ChatGPT)\b",
        # To have it told.
        r"\b(?:reveal|show|print|repeat|output|display|tell|give|leak|dump|recite) "
        rf"(?:{_WORD} ){{0,3}}{_OWN} {_RULES}\b",
        rf"\bwhat (?:is|are|was|were) your {_OWN} {_RULES}\b",
        rf"\b(?:repeat|print|output) (?:{_WORD} ){{0,4}}(?:text|words?|everything) (?:above|before)\b",
        # To be somebody else, to whom nothing applies.
        rf"\b(?:you are|act as|pretend to be|become) (?:now )?(?:{_WORD} ){{0,3}}"
        r"(?:DAN|unrestricted|unfiltered|uncensored|jailbroken)\b",
        rf"\b(?:enable|enter|activate|switch to) (?:{_WORD} ){{0,2}}(?:developer|debug|god|admin|jailbreak|DAN) mode\b",
        r"\bwithout (?:any )?(?:restrictions?|filters?|censorship|safety guidelines?)\b",
        rf"\b{_UNBOUND} (?:and )?(?:{_WORD} ){{0,2}}{_SPEAKER}\b",
        rf"\b{_SHEDS}\b[^.\n]{{0,40}}\b{_MORALS}\b",
        r"\bdo(?:es|ing)? anything now\b|\bdeveloper mode\b|\bjail\W?break\W?(?:mode|bot|prompt|gpt|:)",
        r"\[\W{0,6}\w{0,20}(?:GPT|DAN|JAILBREAK)\b[^\]\n]{0,12}\]",
        rf"\bfrom now on (?:{_WORD} ){{0,2}}you (?:{_WORD} ){{0,4}}?{_PLAYS}\b",
        # To answer whatever is asked.
        r"\bnever (?:ever )?(?:refuses?|declines?|rejects?)\b",
        r"(?:\b(?:never|not|without|avoid)|n't)\b[^.\n]{0,60}\bas an? (?:AI|language model|artificial)\b",
        # To speak in another's place: turns of a chat that stand inside a message.
        r"(?:^|\n)(?:#{1,4}|\[|<\|?)\W?(?:system|assistant|im start|inst)\b(?:\W?(?:\|?>|\]|:)|\n)",
        r"</?(?:system|instructions?|prompt)>",
    )
)
"""Made with one half of 666 jailbreaks that people wrote, and tried on the other: `tests/bench/bench_attacks.py`.

A blank stands for `_GAP`.
"""


def is_attack(text: str) -> bool:
    """Whether a message tries to instruct the model past its application, as far as its words tell."""
    return any(pattern.search(read) for part in _ends(text) for read in readings(part) for pattern in _PATTERNS)


def _ends(text: str) -> tuple[str, ...]:
    """What is looked at of a text: all of it once where its two ends meet."""
    return (text,) if len(text) <= 2 * _END_CHARS else (text[:_END_CHARS], text[-_END_CHARS:])
