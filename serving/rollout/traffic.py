"""What this process saw of an arm's requests: failures and latencies, without Kafka and without any text."""

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from feedwheel_capture.vocabulary import Arm

from feedback.statistics import Floats

_REMEMBERED: Final = 2000
"""Requests per arm: enough for an error rate of 1 %, and a bound on memory and time."""


@dataclass(slots=True)
class ArmTraffic:
    """One arm. `requests` and `errors` count all; latencies and failures are of the last 2000."""

    requests: int = 0
    errors: int = 0
    _failures: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    _latencies_ms: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    def add(self, latency_ms: float | None) -> None:
        """Count a request: its latency, or None if it failed."""
        self.requests += 1
        self.errors += latency_ms is None
        self._failures.append(float(latency_ms is None))
        if latency_ms is not None:
            self._latencies_ms.append(latency_ms)

    def failures(self) -> Floats:
        """float64 [requests], 1 where it failed, oldest first."""
        return np.array(self._failures, np.float64)

    @property
    def median_latency_ms(self) -> float | None:
        """Of the requests that succeeded."""
        return float(np.median(list(self._latencies_ms))) if self._latencies_ms else None


class Traffic:
    """Both arms of the test under way of each application."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._arms: dict[tuple[str, Arm], ArmTraffic] = {}

    def count(self, release_id: str | None, arm: Arm, latency_ms: float | None) -> None:
        """Count a request of a test; outside of one nothing is compared."""
        if release_id is not None:
            with self._lock:
                self._arms.setdefault((release_id, arm), ArmTraffic()).add(latency_ms)

    def snapshot(self, release_id: str, arm: Arm) -> ArmTraffic:
        """A copy of one arm's counts."""
        with self._lock:
            known = self._arms.get((release_id, arm), ArmTraffic())
            return ArmTraffic(
                known.requests,
                known.errors,
                deque(known._failures, _REMEMBERED),  # noqa: SLF001 - its own class's copy
                deque(known._latencies_ms, _REMEMBERED),  # noqa: SLF001 - as above
            )

    def forget(self, release_id: str) -> None:
        """Drop the counts of a test that ended."""
        with self._lock:
            self._arms = {key: arm for key, arm in self._arms.items() if key[0] != release_id}
