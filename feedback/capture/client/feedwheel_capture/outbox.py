"""The outbox of one process: a spool of its own, and the threads that empty it.

In: event records. Out: the same at their destination, in the end. Opened at the first record, again after a fork; what
an earlier process of the application left behind is sent too.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from feedwheel_capture.collector import CollectorConnection
from feedwheel_capture.errors import CaptureError, described
from feedwheel_capture.events import EventData
from feedwheel_capture.gaps import GapRecorder
from feedwheel_capture.kafka import EventProducer
from feedwheel_capture.publisher import Connect, Publisher
from feedwheel_capture.recorder import Recorder
from feedwheel_capture.redact import Redactor
from feedwheel_capture.settings import CaptureSettings
from feedwheel_capture.spool import abandoned, claim

_LOG: Final = logging.getLogger(__name__)
_LOOK_AROUND_S: Final = 60.0
"""Between two looks for what other processes left: they are rare, and nothing there gets worse."""
_POLL_S: Final = 0.02


def destination_of(settings: CaptureSettings) -> Connect:
    """How to reach where the settings say that events go."""
    if settings.collector is not None:
        url, key = settings.collector, settings.api_key or ""
        return lambda: CollectorConnection(url, key)
    assert settings.kafka is not None  # it is one of the two
    access = settings.kafka
    return lambda: EventProducer(access)


@dataclass(frozen=True, slots=True)
class Counts:
    """`lost` were refused here, `refused` at their destination, for good; `waiting` are not yet there."""

    lost: int = 0
    refused: int = 0
    waiting: int = 0


class _Open:
    """What this process has open: it is not shared with a child."""

    def __init__(self, settings: CaptureSettings, redactor: Redactor, clock: Callable[[], datetime]) -> None:
        self.connect = destination_of(settings)
        self.spool = claim(settings.spool, settings.spool_bytes)
        self.publisher = Publisher(self.spool, self.connect)
        source = f"feedwheel/capture/{settings.app}/{socket.gethostname()}"
        recorder = Recorder(source, self.spool, clock, redactor, waits_for_disk=False)
        self.events = GapRecorder(recorder, clock, source)
        self.stopping = threading.Event()
        self.publisher.start()
        self._refused_of_others = 0
        threading.Thread(target=self._look_around, args=(settings,), name="feedwheel-leftovers", daemon=True).start()

    @property
    def refused(self) -> int:
        """Events that the destination refused for good, those that earlier processes left among them."""
        return self.publisher.refused + self._refused_of_others

    def _look_around(self, settings: CaptureSettings) -> None:
        while not self.stopping.is_set():
            for left in abandoned(settings.spool):
                with left:
                    publisher = Publisher(left, self.connect)
                    publisher.empty(self.stopping)
                    self._refused_of_others += publisher.refused
            self.stopping.wait(_LOOK_AROUND_S)


class Outbox:
    """Takes events from any thread of any process; every process has its own."""

    def __init__(self, settings: CaptureSettings, redactor: Redactor, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._redactor = redactor
        self._clock = clock
        self._lock = threading.Lock()
        self._open: _Open | None = None
        self._closed = Counts()
        os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        """After a fork: threads are gone, and the spool belongs to the parent."""
        self._lock, self._open, self._closed = threading.Lock(), None, Counts()

    def _opened(self) -> _Open:
        if self._open is None:
            with self._lock:
                if self._open is None:
                    self._open = _Open(self._settings, self._redactor, self._clock)
        return self._open

    def record(self, data: EventData, event_id: str | None = None) -> str | None:
        """The event's id once it is written; None if consent allows nothing. Raises EventRefused, counted as lost."""
        return self._opened().events.attempt(data, event_id)

    @property
    def counts(self) -> Counts:
        """What became of this process's events, the spools that it has closed included."""
        opened = self._open
        return self._closed if opened is None else self._with(opened)

    def _with(self, opened: _Open) -> Counts:
        # What was left in a closed spool is found again by the one that is open now, or by whoever looks around.
        lost, refused = self._closed.lost + opened.events.total_lost, self._closed.refused + opened.refused
        return Counts(lost, refused, opened.spool.depth)

    @property
    def connected(self) -> bool:
        """Whether the destination answered last time; False before the first event."""
        return self._open is not None and self._open.publisher.connected

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything is at its destination; whether it is."""
        deadline = time.monotonic() + timeout_s
        while self._open and self.counts.waiting and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        return not self.counts.waiting

    def close(self, timeout_s: float) -> None:
        """Flush unless the destination is known to be away, and release the spool: the next process sends the rest.

        Waits for a first connection too: a program may end before it has come about.
        """
        if self._open is None:
            return
        opened, deadline = self._open, time.monotonic() + timeout_s
        while opened.spool.depth and not opened.publisher.failing and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        if left := opened.spool.depth:
            _LOG.warning("%d events wait in %s: the application's next process sends them", left, self._settings.spool)
        self._open = None
        opened.stopping.set()
        opened.publisher.close(0.0 if opened.publisher.failing else max(_POLL_S, deadline - time.monotonic()))
        try:
            opened.events.record_gaps()
            opened.spool.close()
        except (CaptureError, OSError) as error:
            _LOG.error("capture did not close in order: %s", described(error))
        finally:
            self._closed = self._with(opened)
