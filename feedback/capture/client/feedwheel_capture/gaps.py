"""Gaps: what could not be stored is counted, and recorded once there is room again (I7).

In: events that were refused: the spool was full, they were too large, or their text could not be redacted. Out: one
record per application with their number and the time between the first and the last.
"""

import logging
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Final

from feedwheel_capture.errors import EventRefused, SpoolFull
from feedwheel_capture.events import EventData, Gap
from feedwheel_capture.recorder import Recorder

_LOG: Final = logging.getLogger(__name__)


class GapRecorder:
    """Records events for somebody who cannot wait: what is refused is counted instead. Any thread may call it."""

    def __init__(self, recorder: Recorder, clock: Callable[[], datetime], by: str) -> None:
        self._recorder = recorder
        self._clock = clock
        self._by = by
        self._lock = threading.Lock()
        self._open: dict[str, Gap] = {}
        self._total_lost = 0

    @property
    def lost(self) -> int:
        """Events of gaps that are not yet recorded; 0 when there is none."""
        with self._lock:
            return sum(gap.lost for gap in self._open.values())

    @property
    def total_lost(self) -> int:
        """Events that were refused since the start."""
        return self._total_lost

    def record(self, data: EventData, event_id: str | None = None) -> str | None:
        """The event's id once it is stored, None if it was not allowed, or refused and counted."""
        try:
            return self.attempt(data, event_id)
        except EventRefused:
            return None

    def attempt(self, data: EventData, event_id: str | None = None) -> str | None:
        """The same for who wants to know why: raises EventRefused once it is counted."""
        try:
            stored = self._recorder.record(data, event_id)
        except EventRefused as error:
            self._count(data.app, error)
            raise
        # Not before: a gap is smaller than an event, and would fill the last bytes over and over.
        self.record_gaps()
        return stored

    def _count(self, app: str, error: Exception) -> None:
        now = self._clock()
        with self._lock:
            self._total_lost += 1
        if self._put_back(Gap(app=app, lost=1, since=now, until=now, by=self._by)):
            _LOG.error("events of %s are not being recorded: %s", app, error)

    def record_gaps(self) -> None:
        """Try to record every open gap."""
        with self._lock:
            gaps, self._open = list(self._open.values()), {}
        for gap in gaps:
            try:
                self._recorder.record(gap)
            except SpoolFull:
                self._put_back(gap)
            else:
                _LOG.warning("%d events of %s were not recorded", gap.lost, gap.app)

    def _put_back(self, gap: Gap) -> bool:
        """Merge a gap with what was lost since; whether nothing was."""
        with self._lock:
            other = self._open.get(gap.app)
            self._open[gap.app] = gap if other is None else _merged(gap, other)
            return other is None


def _merged(one: Gap, other: Gap) -> Gap:
    return Gap(
        app=one.app,
        lost=one.lost + other.lost,
        since=min(one.since, other.since),
        until=max(one.until, other.until),
        by=one.by,
    )
