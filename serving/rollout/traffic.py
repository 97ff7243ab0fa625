"""What this process saw of a test's requests: failures, latencies and broken forms, without Kafka and without any text.

A person counts once in what is compared: by their first request of the test. Requests of one person are alike, and a
test that took each for a new witness would take one unlucky person for many.
"""

import threading
from collections import deque
from dataclasses import dataclass, field
from math import log
from typing import Final

import numpy as np
from feedwheel_capture.vocabulary import Arm

from feedback.pairing import Paired
from feedback.statistics import Floats

REMEMBERED: Final = 2000
"""Latencies per arm that its median is of; for people to look at."""
_LATEST: Final = 20
"""Requests that must all fail before an arm is taken to be dead: where half fail, once in a million times."""
WITNESSES: Final = 3
"""People who must have asked a challenger those, if so many have asked at all: one may ask what no model can answer."""
PEOPLE: Final = 50_000
"""People who are compared: a bound on memory (some 5 MB) and on the time of a look (10 ms)."""
LEAST_MS: Final = 0.01
"""A latency below is taken for this: its logarithm is what is compared."""


@dataclass(frozen=True, slots=True)
class ArmCounts:
    """One arm. `requests` and `errors` count all, the median is of the last 2000 that succeeded or were left."""

    requests: int = 0
    errors: int = 0
    median_latency_ms: float | None = None
    is_dead: bool = False
    """Whether the last 20 requests all failed; a challenger's of three people at least, if so many have asked."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Both arms, and challenger minus champion over pairs of people, each by their first request: float64 [pairs].

    `failures`: of 1 if it failed. Of those answered, `log_latencies`: of the natural logarithm of the latency,
    or of the time that who left had waited; `broken`: of 1 if the answer had not the form that was asked for.
    """

    champion: ArmCounts
    challenger: ArmCounts
    failures: Floats
    log_latencies: Floats
    broken: Floats


class Traffic:
    """The tests under way in this process, by release."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._trials: dict[str, _Trial] = {}

    def begin(self, release_id: str) -> None:
        """Count from now on."""
        with self._lock:
            self._trials.setdefault(release_id, _Trial())

    def count(
        self, release_id: str | None, arm: Arm, person: str, latency_ms: float | None, *, is_broken: bool = False
    ) -> None:
        """Count a request of a test that is under way: its latency, or None if it failed. `person`: who was drawn."""
        with self._lock:
            if (trial := self._trials.get(release_id or "")) is not None:
                trial.add(arm, person, latency_ms, is_broken=is_broken)

    def left(self, release_id: str | None, arm: Arm, person: str, waited_ms: float) -> None:
        """Count a request of a test that is under way, whose person left before anything of its answer was shown."""
        with self._lock:
            if (trial := self._trials.get(release_id or "")) is not None:
                trial.leave(arm, person, waited_ms)

    def snapshot(self, release_id: str) -> Seen:
        """What was counted of a test."""
        with self._lock:
            return self._trials.get(release_id, _Trial()).seen()

    def forget(self, release_id: str) -> None:
        """Drop the counts of a test that ended."""
        with self._lock:
            self._trials = {key: trial for key, trial in self._trials.items() if key != release_id}


@dataclass(slots=True)
class ArmTally:
    """One arm, counted. It is dead if requests of so many people fail: `least_witnesses`, or all who have asked."""

    least_witnesses: int = 1
    requests: int = 0
    errors: int = 0
    latencies_ms: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    latest: deque[tuple[str, bool]] = field(default_factory=lambda: deque(maxlen=_LATEST))
    """Who asked, and whether it failed."""
    witnesses: set[str] = field(default_factory=set)
    """The first who asked, as many as are needed."""

    def add(self, person: str, latency_ms: float | None) -> None:
        """Count a request: its latency, or None if it failed."""
        self.requests += 1
        self.errors += latency_ms is None
        self.latest.append((person, latency_ms is None))
        if len(self.witnesses) < self.least_witnesses:
            self.witnesses.add(person)
        if latency_ms is not None:
            self.latencies_ms.append(latency_ms)

    def leave(self, waited_ms: float) -> None:
        """Count a request that would have taken longer than so long; whether it would have failed nobody knows."""
        self.requests += 1
        self.latencies_ms.append(waited_ms)

    @property
    def median_latency_ms(self) -> float | None:
        """Of the latest; None without any."""
        return float(np.median(list(self.latencies_ms))) if self.latencies_ms else None

    def counts(self) -> ArmCounts:
        """As it is now."""
        return ArmCounts(self.requests, self.errors, self.median_latency_ms, self._is_dead())

    def _is_dead(self) -> bool:
        failed = [person for person, failed in self.latest if failed]
        return len(failed) == _LATEST and len(set(failed)) >= len(self.witnesses)


@dataclass(slots=True)
class _Trial:
    arms: dict[Arm, ArmTally] = field(
        default_factory=lambda: {"champion": ArmTally(), "challenger": ArmTally(WITNESSES)}
    )
    failures: Paired = field(default_factory=Paired)
    log_latencies: Paired = field(default_factory=Paired)
    broken: Paired = field(default_factory=Paired)
    people: set[str] = field(default_factory=set)

    def add(self, arm: Arm, person: str, latency_ms: float | None, *, is_broken: bool) -> None:
        self.arms[arm].add(person, latency_ms)
        if not self._is_new(person):
            return
        treated = arm == "challenger"
        self.failures.add(float(latency_ms is None), treated=treated)
        if latency_ms is not None:
            self.log_latencies.add(log(max(latency_ms, LEAST_MS)), treated=treated)
            self.broken.add(float(is_broken), treated=treated)

    def leave(self, arm: Arm, person: str, waited_ms: float) -> None:
        """Count who left if they had waited at least as long as the champion mostly takes.

        The bar is the same for both arms, and nobody had read anything yet: so people of equal arms leave alike, and
        the time they waited, of which the latency is only more, makes no arm look slower than it is. Without a bar an
        application that breaks off and asks again would have all its people counted by what it broke off.
        """
        mostly_ms = self.arms["champion"].median_latency_ms
        if mostly_ms is None or waited_ms < mostly_ms:
            return
        self.arms[arm].leave(waited_ms)
        if self._is_new(person):
            self.log_latencies.add(log(max(waited_ms, LEAST_MS)), treated=arm == "challenger")

    def _is_new(self, person: str) -> bool:
        """Whether this is the first that counts of a person."""
        if person in self.people or len(self.people) >= PEOPLE:
            return False
        self.people.add(person)
        return True

    def seen(self) -> Seen:
        return Seen(
            self.arms["champion"].counts(),
            self.arms["challenger"].counts(),
            self.failures.differences(),
            self.log_latencies.differences(),
            self.broken.differences(),
        )
