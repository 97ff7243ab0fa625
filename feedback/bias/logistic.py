"""Logistic regression for a handful of standardised features, with a covariance that knows whose each row is.

In: a design matrix and outcomes of 0 or 1. Out: coefficients that stay finite where classes separate, by the weak prior
of Gelman, Jakulin, Pittau and Su (Annals of Applied Statistics 2008), here normal: scale 10 on the intercept, 2.5 on
the rest; and their covariance clustered by person (Liang and Zeger, Biometrika 1986).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from feedback.bias.likelihood import Codes, by_owner
from feedback.likeliest import likeliest
from feedback.statistics import Floats

NORMAL_95: Final = 1.959963984540054
"""Standard errors to both sides of a coefficient that hold 95 %."""
_INTERCEPT_SCALE: Final = 10.0
_SLOPE_SCALE: Final = 2.5
_MOST_LOGIT: Final = 30.0
"""Beyond it a probability is 0 or 1 to the last digit that matters."""


@dataclass(frozen=True, slots=True)
class Fit:
    """`coefficients` float64 [k], `covariance` float64 [k, k]; the intercept comes first."""

    coefficients: Floats
    covariance: Floats

    def predict(self, features: Floats) -> Floats:
        """Probabilities, float64 [n], of rows of `features` [n, k - 1]."""
        return sigmoid(_design(features) @ self.coefficients)

    def deviation(self, place: int) -> float:
        """Standard error of one coefficient."""
        return float(np.sqrt(self.covariance[place, place]))


def fit(features: Floats, outcomes: Floats, owners: Codes) -> Fit:
    """Fit P(outcome = 1). `features` float64 [n, k - 1], outcomes float64 [n] of 0 and 1, owners int64 [n]."""
    design = _design(features)
    spread = np.array([_INTERCEPT_SCALE, *[_SLOPE_SCALE] * features.shape[1]])
    coefficients = np.array(likeliest(design, outcomes, np.ones(len(outcomes)), np.zeros(len(spread)), spread))
    chances = sigmoid(design @ coefficients)
    bread = np.linalg.inv(_curvature(design, chances) + np.diag(spread**-2))
    scores = design * (outcomes - chances)[:, None]
    summed = np.column_stack([by_owner(column, owners) for column in scores.T])
    return Fit(coefficients, bread @ (summed.T @ summed) @ bread)


def standardised(features: Floats) -> Floats:
    """Columns of mean 0 and standard deviation 1; one that never differs becomes 0."""
    spread = features.std(axis=0)
    scaled: Floats = (features - features.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return scaled


def sigmoid(logits: Floats) -> Floats:
    """Probabilities of log-odds."""
    chances: Floats = 1 / (1 + np.exp(-np.clip(logits, -_MOST_LOGIT, _MOST_LOGIT)))
    return chances


def _design(features: Floats) -> Floats:
    return np.column_stack([np.ones(len(features)), features])


def _curvature(design: Floats, chances: Floats) -> Floats:
    curvature: Floats = design.T @ (design * (chances * (1 - chances))[:, None])
    return curvature
