"""What operators watch of a collector: what became of what was sent, by application, over all its processes."""

import os
from typing import Final

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

SHARED_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The library's own variable: where it is set, each process counts in a file there."""


class CollectorMetrics:
    """The counters of one process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.events = Counter(
            "feedwheel_collector_events", "Events by outcome", ("app", "outcome"), registry=self._registry
        )
        self.left = Counter(
            "feedwheel_collector_left",
            "Telemetry that is no event, and parts of messages that an event has no place for, by reason",
            ("app", "reason"),
            registry=self._registry,
        )

    def exposition(self) -> bytes:
        """Prometheus text: of every process where they share, else of this one."""
        registry = self._registry
        if SHARED_FOLDER in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library's, which has no types here
        return generate_latest(registry)
