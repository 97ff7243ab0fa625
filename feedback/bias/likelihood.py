"""Empirical-likelihood intervals of means and ratios: they lean where the data lean, and stay within the data's range.

In: contributions by unit, and whose they are: the sums over one person are independent of those over another. Out: an
estimate with its 95 % interval. With inverse propensities a few units carry most of a sum, and the normal approximation
is then too sure on the far side (Owen, "Empirical Likelihood", 2001, sections 2.3 to 2.5; Karampatziakis, Langford,
Mineiro, "Empirical Likelihood for Contextual Bandits", NeurIPS 2020).
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from feedback.statistics import Floats, Interval

Codes = NDArray[np.int64]
"""Whose a value is: numbers from 0, one per person."""

_CHI_SQUARE: Final = 3.841458820694124
"""95 % quantile of chi-square with one degree of freedom."""
_HALVINGS: Final = 30
"""An end is exact to a billionth of the range."""
_NEWTON_STEPS: Final = 100
_PRECISION: Final = 1e-10
"""Of the multiplier, relative to its range."""


def mean_interval(values: Floats, owners: Codes, bounds: tuple[float, float] = (0.0, 1.0)) -> Interval:
    """Mean of `values` (float64 [n]) with its interval. `owners`: int64 [n]; `n` of the result counts them."""
    return ratio_interval(values, np.ones(len(values)), owners, bounds)


def ratio_interval(
    numerators: Floats, denominators: Floats, owners: Codes, bounds: tuple[float, float] = (0.0, 1.0)
) -> Interval:
    """sum(numerators) / sum(denominators), with all v for which sum(numerators - v * denominators) may be 0.

    Both float64 [n], denominators at least 0. `bounds` holds the true value; an estimate may lie outside, the ends do
    not. Of fewer than two people, or of people who do not differ, the data say nothing of the spread: all of `bounds`.
    """
    above, below = by_owner(numerators, owners), by_owner(denominators, owners)
    low, high = bounds
    total = float(below.sum())
    if len(above) < 2 or total <= 0:
        return Interval(float(above.sum()) / total if total > 0 else float("nan"), low, high, len(above))
    estimate = float(above.sum()) / total
    if np.ptp(above - estimate * below) <= _PRECISION * max(abs(estimate), 1.0) * float(below.max()):
        return Interval(estimate, low, high, len(above))
    ends = (_end(above, below, estimate, bound) for bound in bounds)
    lower, upper = (min(max(end, low), high) for end in ends)
    return Interval(estimate, lower, upper, len(above))


def by_owner(values: Floats, owners: Codes) -> Floats:
    """Sums by person, float64 [people], of those who have a value."""
    _, codes = np.unique(owners, return_inverse=True)
    return np.bincount(codes, weights=values).astype(np.float64)


def _end(above: Floats, below: Floats, estimate: float, bound: float) -> float:
    """The value farthest from the estimate towards a bound that the data do not rule out."""
    kept, refused = estimate, bound
    for _ in range(_HALVINGS):
        middle = (kept + refused) / 2
        if _log_likelihood_ratio(above - middle * below) <= _CHI_SQUARE:
            kept = middle
        else:
            refused = middle
    return kept


def _log_likelihood_ratio(residuals: Floats) -> float:
    """Minus twice the log of how much less likely the data are if the mean residual is 0; infinite if it cannot be."""
    least, most = float(residuals.min()), float(residuals.max())
    if least >= 0 or most <= 0:
        return float("inf")
    n = len(residuals)
    low, high = (1 / n - 1) / most, (1 / n - 1) / least  # no unit's probability exceeds 1
    tilt, width = 0.0, high - low
    for _ in range(_NEWTON_STEPS):
        scaled: Any = residuals / (1 + tilt * residuals)
        slope = float(scaled.sum())
        low, high = (tilt, high) if slope > 0 else (low, tilt)
        step = tilt + slope / float((scaled**2).sum())
        step = step if low < step < high else (low + high) / 2
        if abs(step - tilt) <= _PRECISION * width:
            break
        tilt = step
    return 2 * float(np.log1p(tilt * residuals).sum())
