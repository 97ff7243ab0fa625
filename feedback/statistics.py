"""Intervals for means of bounded values, valid at any sample size; shared by the release gate and the canary.

In: one value per person (the statistical unit), in the order the values became final. Out: intervals, and verdicts on
them. The method is betting: for every candidate mean a fair game is played against the data, and a mean is kept as
long as no gambler has grown rich against it (Waudby-Smith and Ramdas, "Estimating means of bounded random variables by
betting", JRSS-B 2024, sections 4.2 and 4.3). Coverage holds for every n, without a normal approximation.
"""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from feedwheel_capture.vocabulary import GateVerdict
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_GRID_POINTS: Final = 2001
"""Candidate means on [0, 1]: the ends of an interval are exact to 0.0005 of the range, rounded outward."""

_TRUNCATION: Final = 0.75
"""Largest share of the gambler's wealth at risk in one round; any below 1 is valid, and the paper names 1/2 and 3/4.

At 3/4 a gate over 38 people is narrower by a quarter (0.14 instead of 0.19 below the estimate), over 120 by a sixth.
"""

_SHARES: Final = _TRUNCATION * 2.0 ** -np.arange(6)
"""Shares of its wealth that a part always bets; the smallest sees differences of two arms down to half a point."""

_MOST_LOG_E: Final = 100.0
"""Evidence beyond is given as this much: JSON has no infinity."""

_LEAST_CANDIDATE: Final = 1e-9
"""A mean of 0 is refuted by any value above it; a stake needs a bound."""

_Wealth = Callable[[float], float]
"""Logarithm of the most that bets on `higher than this candidate mean` ever amounted to."""

_Gambler = Callable[[Floats, float], _Wealth]
"""From values in 0..1, and the chance of being wrong that bets are shaped for."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its confidence bounds; `n` counts the units behind it."""

    estimate: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Tails:
    """How an interval may err: `low` is the chance that its lower bound exceeds the mean, `high` that of the upper."""

    low: float
    high: float

    @classmethod
    def of(cls, alpha: float) -> Self:
        """Both ends alike."""
        return cls(alpha / 2, alpha / 2)


@dataclass(frozen=True, slots=True)
class Excess:
    """A mean that should not be above 0.

    `p_value` bounds the chance of such values, now or earlier, if it is not. `e_value` is the evidence as it is now:
    above 1, the values are better explained by some mean above 0 than by 0.
    """

    estimate: float
    p_value: float
    e_value: float
    n: int


def mean_interval(values: Floats, alpha: float, bounds: tuple[float, float] = (0.0, 1.0)) -> Interval:
    """Confidence interval of a mean at a sample size fixed in advance.

    values: float64 [n], each within `bounds`, in an order that does not depend on them. Coverage at least 1 - alpha.
    """
    return _betting_interval(values, Tails.of(alpha), bounds, _planned)


def is_above(level: float, values: Floats, alpha: float, bounds: tuple[float, float] = (0.0, 1.0)) -> bool:
    """Whether all of `mean_interval(values, alpha, bounds)` is above a level, at a twentieth of its cost."""
    low, high = bounds
    unit, place = (values - low) / (high - low), (level - low) / (high - low)
    nearest = place + 1.0 / (_GRID_POINTS - 1)  # the interval is rounded outward by a grid point
    return bool(unit.mean() > place and _planned(unit, alpha / 2)(nearest) >= np.log(2 / alpha))


def mean_at_any_time(values: Floats, alpha: float, bounds: tuple[float, float] = (0.0, 1.0)) -> Interval:
    """Newest interval of a confidence sequence: it may be looked at after every value, and all of them cover at once.

    values: float64 [n], each within `bounds`, oldest first. The running intersection is taken, so it only narrows.
    """
    return _betting_interval(values, Tails.of(alpha), bounds, _diversified)


def difference_at_any_time(differences: Floats, tails: Tails) -> Interval:
    """Newest interval of a confidence sequence for how much higher one arm's mean is than the other's.

    differences: float64 [n], each within -1..1, oldest first, of pairs of people who were drawn at random
    (`feedback.pairing`). A pair's difference has the difference of the means as its mean, and what changes over time
    for everybody cancels. Two intervals that no longer overlap are valid too, and need twice as many people
    (docs/benchmarks.md). `n` counts pairs.
    """
    return _betting_interval(differences, tails, (-1.0, 1.0), _diversified)


def excess_at_any_time(values: Floats, bound: float = 1.0) -> Excess:
    """Always-valid test of "the mean is at most 0", to be rejected where the p-value is small enough.

    values: float64 [n], each within -bound..bound, oldest first. A gambler who bets on `higher` gains nothing on
    average while the mean is at most 0, and then reaches 1/p of the stake at any time with a chance of at most p
    (Ville's inequality; Ramdas et al., "Game-theoretic statistics and safe anytime-valid inference", Stat. Sci. 2023).
    """
    if len(values) == 0:
        return Excess(float("nan"), 1.0, 1.0, 0)
    wealth = _diversified_wealth(_on_unit(values, (-bound, bound)), 0.5)
    p_value, e_value = np.exp(-max(0.0, wealth.max())), np.exp(min(wealth[-1], _MOST_LOG_E))
    return Excess(float(values.mean()), float(p_value), float(e_value), len(values))


def _betting_interval(values: Floats, tails: Tails, bounds: tuple[float, float], gambler: _Gambler) -> Interval:
    low, high = bounds
    if len(values) == 0:
        return Interval(float("nan"), low, high, 0)
    unit = _on_unit(values, bounds)
    mean, last, step = float(unit.mean()), _GRID_POINTS - 1, 1.0 / (_GRID_POINTS - 1)
    left = _refuted(gambler(unit, tails.low), tails.low) * step
    right = (last - _refuted(gambler(1.0 - unit, tails.high), tails.high)) * step
    # No candidate survives only when the mean lies between two grid points: its neighbourhood is the interval.
    left, right = (left, right) if left <= right else (mean, mean)
    scale = high - low
    return Interval(
        low + mean * scale, max(low, low + (left - step) * scale), min(high, low + (right + step) * scale), len(values)
    )


def _on_unit(values: Floats, bounds: tuple[float, float]) -> Floats:
    low, high = bounds
    if values.min() < low or values.max() > high:
        raise ValueError(f"values outside {low}..{high}")
    unit: Floats = (values - low) / (high - low)
    return unit


def _refuted(wealth: _Wealth, tail: float) -> int:
    """How many candidates, from 0 upward on the grid, are too low: bets on `higher` reached 1/tail against them.

    What is won against a candidate falls with it: so where the last refuted one lies is found by halving.
    """
    enough = np.log(1 / tail)
    return bisect_left(range(_GRID_POINTS), True, key=lambda place: wealth(place / (_GRID_POINTS - 1)) < enough)


def _planned(unit: Floats, tail: float) -> _Wealth:
    """Bets for a number of rounds known in advance: sqrt(2 log(1/tail) / (variance * rounds)), of earlier variance."""
    rounds = np.arange(1, len(unit) + 1)
    means = (0.5 + np.cumsum(unit)) / (rounds + 1)
    variances = (0.25 + np.cumsum((unit - means) ** 2)) / (rounds + 1)
    previous = np.concatenate([[0.25], variances[:-1]])
    bets = np.sqrt(2 * np.log(1 / tail) / (previous * len(unit)))

    def wealth(candidate: float) -> float:
        stakes = np.minimum(bets, _TRUNCATION / max(candidate, _LEAST_CANDIDATE))
        return float(np.cumsum(np.log1p(stakes * (unit - candidate))).max())

    return wealth


def _diversified(unit: Floats, _tail: float) -> _Wealth:
    """A stake in equal parts, each of which always bets the same share of itself, from large to small.

    Which share grows fastest depends on how far off the candidate is; the parts together lose a factor of their number
    at most against the best of them (mixtures: Robbins, "Statistical methods related to the law of the iterated
    logarithm", Ann. Math. Stat. 1970). One bet that shrinks with time, sqrt(2 log(1/tail) / (variance * n log n)),
    takes twice as many people to see a difference of 10 points (docs/benchmarks.md).
    """
    return lambda candidate: float(_diversified_wealth(unit, candidate).max())


def _diversified_wealth(unit: Floats, candidate: float) -> Floats:
    """Its logarithm after every round, float64 [n]."""
    relative = unit / max(candidate, _LEAST_CANDIDATE) - 1.0
    parts = np.cumsum(np.log1p(np.multiply.outer(_SHARES, relative)), axis=1)
    best = parts.max(axis=0)
    parts -= best
    np.exp(parts, out=parts)
    wealth: Floats = best + np.log(parts.mean(axis=0))
    return wealth


def verdict(difference: Interval, margin: float) -> GateVerdict:
    """PASS l > 0; FAIL u < 0; MARGINAL l > -m and u >= 0; else INCONCLUSIVE (design, invariant I6)."""
    if difference.low > 0:
        return "PASS"
    if difference.high < 0:
        return "FAIL"
    if difference.low > -margin:
        return "MARGINAL"
    return "INCONCLUSIVE"
