"""Values of an export, of whose types nothing is believed.

In: whatever stands where a value should be. Out: the value, or what stands for none.
"""

import json
import math
from typing import Any, Final

import msgspec

_EXACT: Final = 2.0**53
"""From here on floats skip integers."""


def text_or_none(value: Any) -> str | None:
    """A name, an id or a text; None where it is empty or no text."""
    return value if isinstance(value, str) and value else None


def mapping(value: Any) -> dict[str, Any]:
    """An object; an empty one where it is something else."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def number(value: Any) -> float | None:
    """A finite number; None where there is none. True is 1."""
    try:
        found = float(value) if isinstance(value, int | float) else math.nan
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def count(value: Any) -> int:
    """A number of something, such as tokens, below 2**53; 0 where there is none."""
    found = number(value) or 0.0
    return int(found) if 0 <= found < _EXACT else 0


def decoded(value: Any) -> Any:
    """What a string holds, if that is a JSON object or array; anything else as it is."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            return value
    return value


def as_text(value: Any) -> str:
    """A text as it is, nothing as '', anything else as JSON."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
