"""Guardrails: what may not be asked of a model, and what it may not answer.

In: text, and the policy of an application. Out: the text as it may pass, with each rule that found something and what
it did. Pure; what becomes of a blocked answer is for whoever serves it to decide.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from feedwheel_capture.events import Guarded
from feedwheel_capture.redact import Redactor
from feedwheel_capture.vocabulary import GuardAction, GuardRule

from feedback.toxicity import shipped_toxicity
from schemas.config import Guardrails

Policy = Literal["allow", "flag", "mask", "block"]

_ACTIONS: Final[dict[Policy, GuardAction]] = {"flag": "flagged", "mask": "masked", "block": "blocked"}

_REDACTOR: Final = Redactor()
_MAX_CHARS: Final = 20_000
"""Of a text that patterns look at: every repetition in them is bounded, and so is what they cost."""

_OTHERS: Final = (
    r"(?:(?:all|any|every|the|your|my|our|these|those|previous|prior|earlier|above|preceding|system|initial)\s+){1,4}"
)
_RULES: Final = r"(?:instructions?|prompts?|rules?|guidelines?|directions?|messages?|context|programming|restrictions?)"
_OWN: Final = r"(?:system|hidden|initial|original|secret|developer|internal)"
_ATTACKS: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # To put aside what the application told the model.
        rf"\b(?:ignore|disregard|forget|override|bypass|skip|drop)\s+{_OTHERS}{_RULES}\b",
        r"\b(?:ignore|disregard|forget)\s+(?:everything|anything|all)\s+(?:\w+\s+){0,4}(?:above|before|said|told|prior)\b",
        rf"\bdo\s*n[o']t\s+(?:follow|obey)\s+{_OTHERS}{_RULES}\b",
        # To have it told.
        rf"\b(?:reveal|show|print|repeat|output|display|tell|give|leak|dump|recite)\s+(?:\w+\s+){{0,3}}{_OWN}\s+{_RULES}\b",
        rf"\bwhat\s+(?:is|are|was|were)\s+your\s+{_OWN}\s+{_RULES}\b",
        r"\b(?:repeat|print|output)\s+(?:\w+\s+){0,4}(?:text|words?|everything)\s+(?:above|before)\b",
        # To be somebody else, to whom nothing applies.
        r"\b(?:you\s+are|act\s+as|pretend\s+to\s+be|become)\s+(?:now\s+)?(?:\w+\s+){0,3}"
        r"(?:DAN|unrestricted|unfiltered|uncensored|jailbroken)\b",
        r"\b(?:enable|enter|activate|switch\s+to)\s+(?:\w+\s+){0,2}(?:developer|debug|god|admin|jailbreak|DAN)\s+mode\b",
        r"\bwithout\s+(?:any\s+)?(?:restrictions?|filters?|censorship|ethical\s+guidelines?|safety\s+guidelines?)\b",
        # To speak in another's place: turns of a chat that stand inside a message.
        r"(?:^|\n)\s*(?:#{1,4}\s*|\[|<\|?)(?:system|assistant|im_start|inst)\b(?:\|?>|\]|\s*:|\s*\n)",
        r"</?(?:system|instructions?|prompt)>",
    )
)
"""What attempts at instructing a model past its application look like; English. Written for this, tuned on nothing."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A text as it may pass, and what acted on it. A blocked one does not pass."""

    text: str
    guarded: tuple[Guarded, ...] = ()

    @property
    def is_blocked(self) -> bool:
        """Whether it may not pass at all."""
        return bool(blocking(self.guarded))


def blocking(guarded: Iterable[Guarded]) -> tuple[GuardRule, ...]:
    """The rules that let something not pass."""
    return tuple(each.rule for each in guarded if each.action == "blocked")


def check_input(text: str, policy: Guardrails) -> Checked:
    """One message of a person."""
    size: Policy = "block" if policy.max_input_chars is not None and len(text) > policy.max_input_chars else "allow"
    passed, found = _without_personal_data(text, policy.input_personal_data)
    findings: list[tuple[GuardRule, Policy]] = [("size", size), ("personal_data", found)]
    if policy.input_attacks != "allow" and is_attack(text):
        findings.append(("prompt_attack", policy.input_attacks))
    return Checked(passed, tuple(_guarded(findings, is_input=True)))


def check_output(text: str, policy: Guardrails) -> Checked:
    """One answer."""
    passed, found = _without_personal_data(text, policy.output_personal_data)
    findings: list[tuple[GuardRule, Policy]] = [("personal_data", found)]
    if policy.output_toxicity != "allow" and shipped_toxicity().p_toxic(text) > policy.max_toxicity:
        findings.append(("toxicity", policy.output_toxicity))
    if policy.banned_words and _banned(policy.banned_words).search(text):
        findings.append(("banned_words", "block"))
    if policy.answer_pattern is not None and not re.fullmatch(policy.answer_pattern, text[:_MAX_CHARS], re.DOTALL):
        findings.append(("format", "block"))
    return Checked(passed, tuple(_guarded(findings, is_input=False)))


def withholds(policy: Guardrails) -> bool:
    """Whether an answer may have to be changed or replaced, so that none of it can be shown before it is whole."""
    rules = (policy.output_personal_data, policy.output_toxicity)
    return any(rule in ("mask", "block") for rule in rules) or bool(policy.banned_words or policy.answer_pattern)


def is_attack(text: str) -> bool:
    """Whether a message tries to instruct the model past its application, as far as its words tell."""
    return any(pattern.search(text[:_MAX_CHARS]) for pattern in _ATTACKS)


def _without_personal_data(text: str, policy: Policy) -> tuple[str, Policy]:
    """The text as it may pass, and the policy if it applies, else `allow`."""
    if policy == "allow" or (masked := _REDACTOR.redact(text)) == text:
        return text, "allow"
    return (masked if policy == "mask" else text), policy


def _guarded(findings: list[tuple[GuardRule, Policy]], *, is_input: bool) -> Iterator[Guarded]:
    for rule, policy in findings:
        if policy != "allow":
            yield Guarded(rule=rule, action=_ACTIONS[policy], is_input=is_input)


@cache
def _banned(words: tuple[str, ...]) -> re.Pattern[str]:
    """Whole words, longest first."""
    listed = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?<!\w)(?:{listed})(?!\w)", re.IGNORECASE)
