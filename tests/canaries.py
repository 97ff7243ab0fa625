"""Simulated canaries, judged by the functions that serving judges with.

A canary is a series of requests by people who differ: in how often they ask, how content they are, how often they say
so, how long their answers take and how often those fail. So requests of one person are alike. Discontent is said more
often than content, and some of what is said comes too late. Everybody's mood and the load change during the canary.
Only the arm that a person is drawn to, and what the scenario changes in it, is different.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from feedwheel_capture.vocabulary import GateVerdict
from numpy.typing import NDArray

from feedback.pairing import Paired
from feedback.statistics import Floats
from schemas.config import Canary
from serving.rollout.decide import Ruling, harms, local_ruling, quality_difference, quality_ruling
from serving.rollout.evidence import Outcomes
from serving.rollout.traffic import ArmCounts, Seen

MATURITY = 120
"""Requests that come while the window of one answer is open."""
DELAY = 60
"""Mean delay of feedback, in requests, exponential: an eighth of it comes after the window."""
MOST_TALKATIVE = 2 / 3
"""Of answers that disappoint, most that one person says so about; so that all may say it half as often again."""
CONTENT_SAYS = 2 / 3
"""How often content is said, where discontent would be said once."""
EARLY = 5
"""A first part of this many is drawn before the rest."""
DEAD = 20
"""Failures in a row that `serving.rollout.traffic` calls dead."""


def rules(alpha: float) -> Canary:
    """Of a test that may decide after a few people and a minute."""
    return Canary(
        share=0.5,
        alpha=alpha,
        margin=0.3,
        min_users_per_arm=8,
        maturity_s=2,
        max_duration_s=60,
        max_latency_ratio=3.0,
    )


@dataclass(frozen=True)
class Scenario:
    """What the challenger changes. Rates and shares are means over people; `requests` is the cap.

    `discontent_says`: how often discontent is said, where the champion's people would say it once.
    """

    name: str
    drop: float = 0.0
    response_ratio: float = 1.0
    latency_ratio: float = 1.0
    errors: float = 0.01
    broken: float = 0.02
    share: float = 0.5
    discontent_says: float = 1.0
    requests: int = 20_000


@dataclass(frozen=True)
class People:
    """People of one canary, and the requests they make: arrays over people, `who` over requests."""

    who: NDArray[np.int64]
    treated: NDArray[np.bool_]
    content: Floats
    talkative: Floats
    complaining: Floats
    slow: Floats
    failing: Floats
    breaking: Floats


@dataclass(frozen=True)
class Series:
    """One canary. Of requests: who asked, whether it failed, took how long, broke its form, and was judged in time."""

    treated: NDArray[np.bool_]
    who: NDArray[np.int64]
    failed: NDArray[np.bool_]
    log_latency: Floats
    broken: NDArray[np.bool_]
    liked: NDArray[np.bool_]
    judged: NDArray[np.bool_]


def _beta(draw: np.random.Generator, mean: Floats, concentration: float) -> Floats:
    return draw.beta(mean * concentration, (1 - mean) * concentration)


def people_of(scenario: Scenario, draw: np.random.Generator) -> People:
    count = scenario.requests // 4
    activity = np.cumsum(draw.gamma(0.5, size=count))
    treated = draw.random(count) < scenario.share
    either = np.ones(count)
    return People(
        who=np.searchsorted(activity, draw.random(scenario.requests) * activity[-1]),
        treated=treated,
        content=_beta(draw, 0.7 * either, 4) * np.where(treated, 1 - scenario.drop / 0.7, 1),
        talkative=MOST_TALKATIVE * _beta(draw, 0.54 * either, 3) * np.where(treated, scenario.response_ratio, 1),
        complaining=np.where(treated, scenario.discontent_says, 1),
        slow=0.5 * draw.standard_normal(count) + np.where(treated, np.log(scenario.latency_ratio), 0),
        failing=_beta(draw, np.where(treated, scenario.errors, 0.01), 2),
        breaking=_beta(draw, np.where(treated, scenario.broken, 0.02), 2),
    )


def series_of(scenario: Scenario, seed: Sequence[int], n: int) -> Series:
    """The first `n` requests of a canary: more of them begin with the same ones."""
    people = people_of(scenario, np.random.default_rng([*seed, 0]))
    draws = [np.random.default_rng([*seed, column]) for column in range(1, 7)]
    who = people.who[:n]
    day = np.sin(np.linspace(0, 4 * np.pi, scenario.requests)[:n])
    failed = draws[0].random(n) < people.failing[who]
    liked = draws[1].random(n) < people.content[who] * (1 - 0.1 * (1 + day))
    says = draws[2].random(n) < people.talkative[who] * np.where(liked, CONTENT_SAYS, people.complaining[who])
    return Series(
        treated=people.treated[who],
        who=who,
        failed=failed,
        log_latency=6 + people.slow[who] + 0.8 * draws[3].standard_normal(n) + 0.35 * day,
        broken=draws[4].random(n) < people.breaking[who],
        liked=liked,
        judged=says & ~failed & (draws[5].exponential(DELAY, n) <= MATURITY),
    )


def firsts(who: NDArray[np.int64], places: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first of `places` of each person, in order."""
    first = np.full(int(who.max()) + 1, -1)
    first[who[places[::-1]]] = places[::-1]
    return np.sort(first[first >= 0])


def dead_from(series: Series) -> int:
    """Request from which the challenger had once failed 20 times in a row; behind the end if never."""
    places = np.flatnonzero(series.treated)
    runs = np.convolve(series.failed[places], np.ones(DEAD), "valid") >= DEAD
    return int(places[DEAD - 1 :][runs.argmax()]) if len(runs) and runs.any() else len(series.who)


@dataclass
class Trial:
    """A canary under way: what serving would know after so many requests, and its ruling."""

    series: Series
    rules: Canary
    verdict: GateVerdict
    outcomes: Outcomes = field(default_factory=Outcomes)
    failures: Paired = field(default_factory=Paired)
    log_latencies: Paired = field(default_factory=Paired)
    broken: Paired = field(default_factory=Paired)

    def __post_init__(self) -> None:
        series, everybody = self.series, firsts(self.series.who, np.arange(len(self.series.who)))
        judged = firsts(series.who, np.flatnonzero(series.judged))
        self._asked = _Cursor(everybody, (series.treated, series.failed, series.log_latency, series.broken))
        self._mature = _Cursor(everybody, (series.treated, series.judged))
        self._judged = _Cursor(judged, (series.treated, series.liked))
        self._dead_from = dead_from(series)

    def at(self, requests: int, *, time_is_up: bool) -> Ruling:
        """The ruling after so many requests: never fewer than before."""
        self._see(requests)
        seen = Seen(
            ArmCounts(requests, 0, 1.0),
            ArmCounts(requests, 0, 1.0, is_dead=requests > self._dead_from),
            self.failures.differences(),
            self.log_latencies.differences(),
            self.broken.differences(),
        )
        found = harms(seen, self.rules)
        ruling = local_ruling(seen, found, self.rules)
        if ruling is None:
            difference = quality_difference(self.outcomes, self.rules.alpha)
            suspect = found.suspect(time_is_up=time_is_up)
            ruling = quality_ruling(difference, self.verdict, self.rules, time_is_up=time_is_up, suspect=suspect)
        return ruling

    def _see(self, requests: int) -> None:
        for treated, failed, log_latency, broken in self._asked.until(requests):
            self.failures.add(float(failed), treated=treated)
            if not failed:
                self.log_latencies.add(log_latency, treated=treated)
                self.broken.add(float(broken), treated=treated)
        for treated, judged in self._mature.until(requests - MATURITY):
            self.outcomes.respond("challenger" if treated else "champion", judged=judged)
        for treated, liked in self._judged.until(requests - MATURITY):
            self.outcomes.judge("challenger" if treated else "champion", float(liked))


class _Cursor:
    """Goes once through what is known of some requests."""

    def __init__(self, places: NDArray[np.int64], columns: Sequence[NDArray[Any]]) -> None:
        self._places = places
        self._columns = columns
        self._gone = 0

    def until(self, requests: int) -> Iterator[Any]:
        begin, self._gone = self._gone, int(np.searchsorted(self._places, max(requests, 0)))
        here = self._places[begin : self._gone]
        return zip(*(column[here].tolist() for column in self._columns), strict=True)


def looks(requests: int, growth: float) -> Iterator[int]:
    """Numbers of requests to look at, `growth` times as many each time, the last at the cap.

    A later look sees what an earlier one would have: intervals only narrow, and p-values only fall.
    """
    n = 50.0
    while n < requests:
        yield int(n)
        n *= growth
    yield requests


def play(
    scenario: Scenario, rules: Canary, verdict: GateVerdict, seed: Sequence[int], growth: float = 1.1
) -> tuple[Ruling, int]:
    """How a canary ends, and after how many requests."""
    cap = scenario.requests
    begun = 0
    for known in (cap // EARLY, cap):  # most end early, and what comes after is not worth drawing
        trial = Trial(series_of(scenario, seed, known), rules, verdict)
        for requests in looks(cap, growth):
            if not begun < requests <= known:
                continue
            ruling = trial.at(requests, time_is_up=requests == cap)
            if ruling.state in ("PROMOTE", "ROLLBACK"):
                return ruling, requests
        begun = known
    raise AssertionError("the time is up, and nothing was decided")
