"""Times as exports write them: seconds, milliseconds or nanoseconds since 1970, or ISO 8601."""

from datetime import UTC, datetime
from typing import Any, Final

_MILLISECONDS_FROM: Final = 1e11
"""As seconds this is the year 5138; as milliseconds it is 1973."""
_NANOSECONDS_FROM: Final = 1e17


def moment(value: Any) -> datetime | None:
    """The instant a value names, UTC-aware; None if it names none. A time without a zone is UTC."""
    try:
        if isinstance(value, str):
            return _of_text(value.strip())
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
            scale = 1e9 if value >= _NANOSECONDS_FROM else 1e3 if value >= _MILLISECONDS_FROM else 1.0
            return datetime.fromtimestamp(value / scale, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None


def first_moment(*values: Any) -> datetime | None:
    """The first instant that any of the values names."""
    return next((found for value in values if (found := moment(value))), None)


def elapsed_ms(began: datetime | None, ended: datetime | None) -> float | None:
    """Milliseconds from one instant to another; None where one is missing or they are the wrong way round."""
    return (ended - began).total_seconds() * 1000 if began and ended and ended >= began else None


def _of_text(text: str) -> datetime | None:
    if text.replace(".", "", 1).isdigit():
        return moment(float(text))
    parsed = datetime.fromisoformat(text)
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
