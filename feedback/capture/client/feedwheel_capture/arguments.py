"""What an application passes, checked before anything is made of it: a slip of the pen would lose what it stands for.

In: arguments of `Capture`. Out: nothing, or WrongValue, which names the argument and never its value.
"""

from collections.abc import Iterable
from typing import Any, Final, get_args

from feedwheel_capture.errors import WrongValue
from feedwheel_capture.events import OPTIONAL_VALUES, REQUIRED_VALUES, Exposure, Generation, PersonalData
from feedwheel_capture.vocabulary import Consent, FeedbackKind

_OURS: Final = {*PersonalData.__struct_fields__} - {"simulated"}
GENERATION_FACTS: Final = frozenset(Generation.__struct_fields__) - _OURS.union(
    ("app_type", "turn", "input", "prefix_hash", "request_hash", "thread_hash", "output", "output_length")
)
"""What an application may know of an answer: the rest is made of its messages and settings."""
EXPOSURE_FACTS: Final = frozenset(Exposure.__struct_fields__) - _OURS.union(("exposure_id", "offered"))


def check_consent(name: str, consent: Any) -> None:
    """Raise WrongValue unless it is a state of consent."""
    if consent not in get_args(Consent):
        raise WrongValue(f"{name} can be {', '.join(get_args(Consent))}")


def check_somebody(user: Any) -> None:
    """Raise WrongValue if nobody is named: a withdrawal or an erasure of nobody would be obeyed by nothing."""
    if not user:
        raise WrongValue("user is missing: it is about somebody")


def check_output(output: Any) -> None:
    """Raise WrongValue unless an answer is a text."""
    if not isinstance(output, str):
        raise WrongValue("output must be a text")


def check_facts(names: Iterable[str], known: frozenset[str]) -> None:
    """Raise WrongValue unless every fact is one that an event holds."""
    _check_names("facts", names, known)


def check_value(kind: FeedbackKind, names: Iterable[str]) -> None:
    """Raise WrongValue unless every field belongs to a feedback of this kind."""
    if kind in get_args(FeedbackKind):
        _check_names(
            f"feedback of kind {kind}", names, {*REQUIRED_VALUES.get(kind, ()), *OPTIONAL_VALUES.get(kind, ())}
        )


def _check_names(what: str, given: Iterable[str], known: Iterable[str]) -> None:
    if unknown := sorted(set(given).difference(known)):
        raise WrongValue(f"{what}: no field {', '.join(unknown)}; there are: {', '.join(sorted(known)) or 'none'}")
