"""Guardrails: what may not be asked of a model, and what it may not answer.

In: text, and the policy of an application. Out: the text as it may pass, with each rule that found something and what
it did. Pure; what becomes of a blocked answer is for whoever serves it to decide.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from feedwheel_capture.events import Guarded
from feedwheel_capture.redact import Redactor
from feedwheel_capture.vocabulary import GuardAction, GuardRule

from feedback.escapes import in_strings, unescaped
from feedback.prompt_attacks import is_attack
from feedback.toxicity import shipped_toxicity
from schemas.config import Guardrails

Policy = Literal["allow", "flag", "mask", "block"]

_ACTIONS: Final[dict[Policy, GuardAction]] = {"flag": "flagged", "mask": "masked", "block": "blocked"}

_REDACTOR: Final = Redactor()
_MAX_CHARS: Final = 20_000
"""Of an answer that the pattern of an application looks at."""


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
    """One message of a person. What is too long is not searched for attacks: it is blocked already."""
    size: Policy = "block" if policy.max_input_chars is not None and len(text) > policy.max_input_chars else "allow"
    passed, found = _without_personal_data(text, policy.input_personal_data, _REDACTOR.redact)
    findings: list[tuple[GuardRule, Policy]] = [("size", size), ("personal_data", found)]
    if policy.input_attacks != "allow" and size != "block" and is_attack(text):
        findings.append(("prompt_attack", policy.input_attacks))
    return Checked(passed, tuple(_guarded(findings, is_input=True)))


def check_output(text: str, policy: Guardrails) -> Checked:
    """One answer, as it is written and as whoever decodes it as JSON, or as calls of tools, will read it."""
    passed, found = _without_personal_data(text, policy.output_personal_data, _masked_answer)
    readings = {text, unescaped(text)}
    findings: list[tuple[GuardRule, Policy]] = [("personal_data", found)]
    if policy.output_toxicity != "allow" and any(_is_toxic(reading, policy) for reading in readings):
        findings.append(("toxicity", policy.output_toxicity))
    if policy.banned_words and any(map(_banned(policy.banned_words).search, readings)):
        findings.append(("banned_words", "block"))
    if policy.answer_pattern is not None and not re.fullmatch(policy.answer_pattern, text[:_MAX_CHARS], re.DOTALL):
        findings.append(("format", "block"))
    return Checked(passed, tuple(_guarded(findings, is_input=False)))


def withholds(policy: Guardrails) -> bool:
    """Whether an answer may have to be changed or replaced, so that none of it can be shown before it is whole."""
    rules = (policy.output_personal_data, policy.output_toxicity)
    return any(rule in ("mask", "block") for rule in rules) or bool(policy.banned_words or policy.answer_pattern)


def _without_personal_data(text: str, policy: Policy, mask: Callable[[str], str]) -> tuple[str, Policy]:
    """The text as it may pass, and the policy if it applies, else `allow`."""
    if policy == "allow" or (masked := mask(text)) == text:
        return text, "allow"
    return (masked if policy == "mask" else text), policy


def _masked_answer(text: str) -> str:
    """Masked within its JSON strings, so that it stays JSON; where that leaves something, without any escapes."""
    masked = _REDACTOR.redact(in_strings(text, _REDACTOR.redact))
    reading = unescaped(masked)
    left = _REDACTOR.redact(reading)
    return masked if left == reading else left


def _is_toxic(text: str, policy: Guardrails) -> bool:
    return shipped_toxicity().p_toxic(text) > policy.max_toxicity


def _guarded(findings: list[tuple[GuardRule, Policy]], *, is_input: bool) -> Iterator[Guarded]:
    for rule, policy in findings:
        if policy != "allow":
            yield Guarded(rule=rule, action=_ACTIONS[policy], is_input=is_input)


@cache
def _banned(words: tuple[str, ...]) -> re.Pattern[str]:
    """Whole words, longest first."""
    listed = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?<!\w)(?:{listed})(?!\w)", re.IGNORECASE)
