"""What a log is told of an outage: that it began, now and then that it goes on, and that it is over."""

import logging
import time
from collections.abc import Callable
from typing import Final

_LOG: Final = logging.getLogger(__name__)
_FIRST_REMINDER_S: Final = 5.0
_REMINDER_S: Final = 60.0
"""Between two lines at last: each says how much waits, and a day of them is still a page."""


class OutageLog:
    """Tells of failed and successful attempts, however many there are."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: float | None = None
        self._told = self._pause_s = 0.0

    def failed(self, reason: str, waiting: int) -> None:
        """An attempt failed, and so many records wait."""
        now = self._clock()
        if self._since is None:
            self._since, self._pause_s = now, _FIRST_REMINDER_S
        elif now - self._told < self._pause_s:
            return
        else:
            self._pause_s = min(self._pause_s * 2, _REMINDER_S)
        self._told = now
        _LOG.warning("events are not taken (%s); %d wait in the spool", reason, waiting)

    def succeeded(self) -> None:
        """Records were taken."""
        if self._since is not None:
            _LOG.warning("events are taken again, after %.0f s", self._clock() - self._since)
            self._since = None
