"""Logistic regression towards what is believed: coefficients of greatest posterior probability, within bounds.

In: a design matrix, outcomes, and a normal prior. Out: coefficients. By L-BFGS-B, which goes on only where it gets
better: whole steps of Newton's method lead away where what is believed is far from what is seen.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from feedback.statistics import Floats

_PRECISION: Final = {"ftol": 1e-15, "gtol": 1e-10}
"""Far below the digits that anybody keeps of a coefficient."""


def likeliest(
    design: Floats,
    outcomes: Floats,
    counts: Floats,
    expected: Floats,
    spread: Floats,
    offset: Floats | float = 0.0,
    bounds: Sequence[tuple[float | None, ...]] | None = None,
) -> list[float]:
    """The k coefficients. design: float64 [n, k]. outcomes: float64 [n], 0..1; counts: how many each row stands for.

    expected, spread: mean and standard deviation before, float64 [k]; an infinite one knows nothing. offset: log-odds
    that are held, float64 [n]. bounds: least and largest of each coefficient, None where it has none.
    """

    def surprise(at: Floats) -> tuple[float, Floats]:
        """Negative log posterior, but for a constant, and its gradient."""
        logits, away = design @ at + offset, (at - expected) / spread
        value = counts @ (np.logaddexp(0.0, logits) - outcomes * logits) + away @ away / 2
        return float(value), design.T @ (counts * (expit(logits) - outcomes)) + away / spread

    found = minimize(surprise, expected, jac=True, method="L-BFGS-B", bounds=bounds, options=_PRECISION)
    return list(map(float, found.x))
