"""One collector process put together: keys, intake, spool, publisher, and what it counts.

In: settings. Out: something that stores events durably and says what became of each. Storing waits for the disk on a
thread of its own; several requests share one fsync.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar

from feedwheel_capture.events import Event
from feedwheel_capture.kafka import EventProducer
from feedwheel_capture.publisher import Publisher
from feedwheel_capture.spool import Spool, claim

from feedback.capture.collector.intake import Intake, Known, Outcome, Refused, Taken
from feedback.capture.collector.keys import ApiKey, KeyRing
from feedback.capture.collector.metrics import CollectorMetrics
from feedback.capture.collector.rate import RateLimit
from feedback.capture.collector.settings import CollectorSettings

_WRITERS: Final = 4
"""Requests that wait for the disk at the same time share one fsync."""
_REFRESH_S: Final = 1.0

ReadT = TypeVar("ReadT")


@dataclass(slots=True)
class Collector:
    """Whatever the routes need. One event loop uses it."""

    settings: CollectorSettings
    clock: Callable[[], datetime]
    intake: Intake
    keys: KeyRing
    spool: Spool
    publisher: Publisher
    metrics: CollectorMetrics = field(default_factory=CollectorMetrics)
    _rates: dict[str, RateLimit] = field(default_factory=dict)
    _refreshed: float = float("-inf")
    _writers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(_WRITERS, "feedwheel-collector"))
    _reader: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "feedwheel-collector-reader"))

    @classmethod
    def open(cls, settings: CollectorSettings, clock: Callable[[], datetime]) -> "Collector":
        """Claim a spool and begin to publish. Raises ConfigError, SpoolCorrupt."""
        intake = Intake(settings.config(), settings.identity, clock)
        spool = claim(settings.collector_home / "spool", settings.collector_spool_bytes)
        publisher = Publisher(spool, lambda: EventProducer(settings.kafka))
        publisher.start()
        return cls(settings, clock, intake, KeyRing(settings.keys_file), spool, publisher)

    def key(self, presented: str) -> ApiKey | None:
        """The API key that a request presents, if it is valid now."""
        now = time.monotonic()
        if now - self._refreshed > _REFRESH_S:
            self._refreshed = now
            self.keys.refresh()
        return self.keys.check(presented)

    def wait_s(self, key: ApiKey, events: int) -> float:
        """Seconds that a key has to wait before it may send again; 0 lets these events in."""
        # Each of several processes gets about as many of the requests, and lets its part of them in.
        events_per_s = key.events_per_s / self.settings.collector_workers
        limit = self._rates.get(key.id)
        if limit is None or limit.events_per_s != events_per_s:
            limit = self._rates[key.id] = RateLimit(events_per_s)
        return limit.take(events, time.monotonic())

    async def take(self, values: Sequence[bytes], app: str) -> list[Outcome]:
        """Decide on events and store those that may be; returns when they are on disk. Raises SpoolFull."""
        outcomes = self.intake.take_all(values, app)
        await self._keep(outcomes, app)
        return outcomes

    async def admit(self, event: Event[Any], app: str) -> Outcome:
        """The same for one event that keeps its contract. Raises SpoolFull."""
        outcome = self.intake.admit(event, app)
        await self._keep([outcome], app)
        return outcome

    async def _keep(self, outcomes: Sequence[Outcome], app: str) -> None:
        records = [outcome.record for outcome in outcomes if isinstance(outcome, Taken) and outcome.record]
        if records:
            await asyncio.get_running_loop().run_in_executor(self._writers, self.spool.append, *records)
        for outcome in outcomes:
            if isinstance(outcome, Taken):
                self.intake.remember(outcome, app)
            self.metrics.events.labels(app, _outcome(outcome)).inc()

    async def read(self, reader: Callable[[], ReadT]) -> ReadT:
        """What a slow reader makes of a request, apart from the event loop; one at a time, to bound their memory."""
        return await asyncio.get_running_loop().run_in_executor(self._reader, reader)

    def close(self) -> None:
        """Finish writing; what Kafka has not taken stays in the spool."""
        self._reader.shutdown(wait=True)
        self._writers.shutdown(wait=True)
        self.publisher.close()
        self.spool.close()


def _outcome(outcome: Outcome) -> str:
    match outcome:
        case Taken(record=None):
            return "not_allowed_by_consent"
        case Taken():
            return "stored"
        case Known():
            return "known"
        case Refused():
            return outcome.reason
