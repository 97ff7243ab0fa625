"""What the model in the shadow made of people's requests, beside what the champion made of the same ones.

In: pairs of replies. Out: counts, and differences that the tests of `serving.rollout.decide` take. A person counts once
in what is tested, by the first request that both were given. No text is kept.
"""

import threading
from collections import Counter, deque
from dataclasses import dataclass
from math import log
from typing import Literal

import numpy as np

from serving.rollout.traffic import LEAST_MS, PEOPLE, REMEMBERED, WITNESSES, ArmCounts, ArmTally, Seen

Dropped = Literal["busy", "gave_way"]
"""Why the shadow has no reply: somebody was being answered, or began to be."""
Likeness = Literal["same", "different", "unread"]
"""Of two answers; `unread` where a person lets us count and not read."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What one model made of a request. `latency_ms` is None where it failed. `text` is None where it may not be read.

    `cached_tokens` of the prompt had been computed before.
    """

    latency_ms: float | None
    is_broken: bool
    text: str | None
    cached_tokens: int


@dataclass(frozen=True, slots=True)
class ShadowCounts:
    """What people are told of a shadow. `length_ratio`: median of the last 2000 that were read, in characters."""

    people: int
    champion: ArmCounts
    challenger: ArmCounts
    likeness: dict[Likeness, int]
    length_ratio: float | None
    dropped: dict[Dropped, int]


class ShadowTally:
    """One shadow in this process; any thread may add and ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._people: set[str] = set()
        self._champion, self._challenger = ArmTally(), ArmTally(WITNESSES)
        self._failures: list[float] = []
        self._log_latencies: list[float] = []
        self._broken: list[float] = []
        self._likeness: Counter[Likeness] = Counter()
        self._length_ratios: deque[float] = deque(maxlen=REMEMBERED)
        self._dropped: Counter[Dropped] = Counter()

    def drop(self, reason: Dropped) -> None:
        """Count a request that the shadow was to be given, and has no reply to."""
        with self._lock:
            self._dropped[reason] += 1

    def add(self, person: str, champion: Reply, challenger: Reply) -> None:
        """Count a request that both have replied to."""
        with self._lock:
            self._champion.add(person, champion.latency_ms)
            self._challenger.add(person, challenger.latency_ms)
            if champion.latency_ms is not None and challenger.latency_ms is not None:
                self._compare(champion, challenger)
            if person not in self._people and len(self._people) < PEOPLE:
                self._people.add(person)
                self._test(champion, challenger)

    def _compare(self, champion: Reply, challenger: Reply) -> None:
        if champion.text is None or challenger.text is None:
            self._likeness["unread"] += 1
            return
        self._likeness["same" if champion.text == challenger.text else "different"] += 1
        self._length_ratios.append((len(challenger.text) + 1) / (len(champion.text) + 1))

    def _test(self, champion: Reply, challenger: Reply) -> None:
        self._failures.append((challenger.latency_ms is None) - (champion.latency_ms is None))
        if champion.latency_ms is None or challenger.latency_ms is None:
            return
        self._broken.append(challenger.is_broken - champion.is_broken)
        # Else the champion would be quicker only for having known more of the conversation.
        if challenger.cached_tokens >= champion.cached_tokens:
            self._log_latencies.append(log(max(challenger.latency_ms, LEAST_MS) / max(champion.latency_ms, LEAST_MS)))

    def seen(self) -> Seen:
        """Both models, as the tests take them."""
        with self._lock:
            return Seen(
                self._champion.counts(),
                self._challenger.counts(),
                np.array(self._failures, np.float64),
                np.array(self._log_latencies, np.float64),
                np.array(self._broken, np.float64),
            )

    def counts(self) -> ShadowCounts:
        """Both models, as people are told."""
        with self._lock:
            return ShadowCounts(
                people=len(self._people),
                champion=self._champion.counts(),
                challenger=self._challenger.counts(),
                likeness=dict(self._likeness),
                length_ratio=float(np.median(self._length_ratios)) if self._length_ratios else None,
                dropped=dict(self._dropped),
            )
