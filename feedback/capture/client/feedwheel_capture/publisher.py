"""The thread that carries a spool to its destination: at least once, in order, patiently."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Final, Protocol

from feedwheel_capture.errors import CaptureError, described
from feedwheel_capture.outage import OutageLog
from feedwheel_capture.spool import Record, Spool

_BATCH_RECORDS: Final = 500
_IDLE_WAIT_S: Final = 0.5
"""How long a stop request can go unnoticed."""
_GATHER_S: Final = 0.1
"""What comes within it is published together: a round takes as much of the interpreter for one record as for fifty, and
the fewer there are, the fewer callers meet one."""
_SYNC_S: Final = 1.0
"""How much of what nobody waited for the loss of a machine may cost; more often, writers would wait for the disk."""
_ROLL_S: Final = 10.0
"""How long text may rest in a spool after it was delivered, and how often that costs a few operations of the disk."""
_FIRST_RETRY_S: Final = 0.2
_LAST_RETRY_S: Final = 5.0
"""After an outage the queue starts to drain at most this late."""


class Destination(Protocol):
    """Where records go. `publish` returns once all are safe there or refused for good, or raises PublishFailed."""

    def publish(self, records: Sequence[Record]) -> int:
        """Hand over records, in order; how many were refused for good, which whoever refuses them logs."""


Connect = Callable[[], AbstractContextManager[Destination]]
"""Opens a connection; raises PublishFailed if nobody is there."""


class Publisher:
    """Publishes everything in a spool until it is closed; what is not acknowledged stays there."""

    def __init__(self, spool: Spool, connect: Connect) -> None:
        self._spool = spool
        self._connect = connect
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feedwheel-publisher", daemon=True)
        self._reached: bool | None = None
        self._refused = 0
        self._outage = OutageLog()
        self._retry_s = _FIRST_RETRY_S
        self._synced = 0.0
        self._rolled = time.monotonic()

    @property
    def connected(self) -> bool:
        """Whether the last attempt to reach the destination succeeded."""
        return self._reached is True

    @property
    def failing(self) -> bool:
        """Whether the last attempt to reach the destination failed; False as long as the first is under way."""
        return self._reached is False

    @property
    def refused(self) -> int:
        """Records that the destination refused for good: to send them again would hold up everything behind them."""
        return self._refused

    def start(self) -> None:
        """Begin to publish."""
        self._thread.start()

    def close(self, timeout_s: float = 10.0) -> None:
        """Stop after the batch under way."""
        self._stopping.set()
        self._thread.join(timeout_s)

    def empty(self, stopping: threading.Event) -> None:
        """Publish what a spool holds now, on the caller's thread, patiently until `stopping`."""
        while self._spool.depth and not stopping.is_set():
            try:
                with self._connect() as destination:
                    while self._spool.depth and not stopping.is_set():
                        self._publish_some(destination)
            except (CaptureError, OSError) as error:
                self._failed(error, stopping)
                stopping.wait(_LAST_RETRY_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._sync()
                with self._connect() as destination:
                    self._reached = True
                    self._drain(destination)
            except (CaptureError, OSError, RuntimeError) as error:  # the last: an interpreter that ends has no threads
                self._reached = False
                self._failed(error, self._stopping)
                self._stopping.wait(self._retry_s)
                self._retry_s = min(self._retry_s * 2, _LAST_RETRY_S)

    def _failed(self, error: Exception, stopping: threading.Event) -> None:
        """Tell of an outage, unless nobody waits for its end any more: whoever closes says what is left."""
        if not stopping.is_set():
            self._outage.failed(described(error), self._spool.depth)

    def _drain(self, destination: Destination) -> None:
        while not self._stopping.is_set():
            if self._spool.wait(self._spool.acknowledged, _IDLE_WAIT_S):
                self._stopping.wait(_GATHER_S)
                self._publish_some(destination)
                self._sync()
            self._roll()

    def _sync(self) -> None:
        """Let what has waited for long survive the machine too."""
        now = time.monotonic()
        if self._spool.depth and now - self._synced > _SYNC_S:
            self._synced = now
            self._spool.sync()

    def _roll(self) -> None:
        """Let what was delivered rest here no longer."""
        now = time.monotonic()
        if now - self._rolled > _ROLL_S:
            self._rolled = now
            self._spool.roll()

    def _publish_some(self, destination: Destination) -> None:
        records, behind = self._spool.read(self._spool.acknowledged, _BATCH_RECORDS)
        self._refused += destination.publish(records)
        self._retry_s = _FIRST_RETRY_S  # not sooner: who connects may still be refused
        self._outage.succeeded()
        self._spool.acknowledge(behind)  # last: who waits for it finds everything said
