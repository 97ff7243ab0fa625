"""JSON of people and of models, as text and back.

What nests deeper than anybody means it is refused here: it breaks Python's bound on recursion, in one caller and not
in another, and what reads it later, templates and llguidance among them, has bounds of its own.
"""

from typing import Any, Final

import msgspec

from schemas.errors import UsageError

_DEEPEST: Final = 100
"""Levels. llguidance reads 128."""


def decoded(text: str) -> Any:
    """What a text says. Raises UsageError where that is nothing, or too deep."""
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        raise UsageError("this is not JSON") from None
    except RecursionError:
        raise _too_deep() from None
    return _bounded(value)


def encoded(value: object) -> str:
    """A text that says it. Raises UsageError where none can: half a surrogate pair, or too deep."""
    try:
        return msgspec.json.encode(_bounded(value)).decode()
    except UnicodeEncodeError:
        raise UsageError("this has half a surrogate pair, which is no character") from None


def _bounded(value: object) -> object:
    level = [value]
    for _ in range(_DEEPEST):
        level = [inner for outer in level for inner in _within(outer)]
        if not level:
            return value
    raise _too_deep()


def _within(value: object) -> list[Any]:
    match value:
        case dict():
            return list(value.values())
        case list():
            return value
    return []


def _too_deep() -> UsageError:
    return UsageError(f"this nests deeper than {_DEEPEST} levels")
