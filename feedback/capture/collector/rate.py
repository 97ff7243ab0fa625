"""How fast one key may send: a bucket that fills with time and is emptied by events."""

from dataclasses import dataclass, field
from typing import Final

_BURST_S: Final = 2.0
"""Seconds of the rate that may come at once, after a silence."""


@dataclass(slots=True)
class RateLimit:
    """`events_per_s` on average, twice as many in a burst; a batch may overdraw once, and waits afterwards."""

    events_per_s: float
    _level: float = field(init=False)
    _at: float = 0.0

    def __post_init__(self) -> None:
        self._level = self.events_per_s * _BURST_S

    def take(self, events: int, now: float) -> float:
        """Take `events` at `now` (seconds of a clock that only moves forward); the seconds to wait, 0 if allowed."""
        self._level = min(self.events_per_s * _BURST_S, self._level + (now - self._at) * self.events_per_s)
        self._at = now
        if self._level <= 0:
            return -self._level / self.events_per_s + 1 / self.events_per_s
        self._level -= events
        return 0.0
