"""Length: the longer of two answers is chosen more often, also when it says no more.

In: comparisons of two models with the lengths of both answers. Out: the win rate had the answers been equally long, by
the logistic model of length-controlled AlpacaEval (Dubois, Galambosi, Liang, Hashimoto, COLM 2024, section 3):

    logit P(win) = quality + slope * tanh(length difference / its standard deviation)

without its terms for single instructions, which need answers of many models to each; the controlled rate is P(win) at
difference 0. A swapped order is the concern of `order`.
"""

import numpy as np

from feedback.bias.likelihood import Codes
from feedback.bias.logistic import NORMAL_95, fit, sigmoid
from feedback.statistics import Floats, Interval


def length_controlled(won: Floats, length_difference: Floats, owners: Codes) -> Interval:
    """Win rate at equal length. won: float64 [n] of 0 and 1; length_difference: float64 [n], own less the other's."""
    spread = float(length_difference.std())
    lengths = np.tanh(length_difference / spread) if spread > 0 else np.zeros(len(won))
    model = fit(lengths[:, None], won, owners)
    quality, error = float(model.coefficients[0]), NORMAL_95 * model.deviation(0)
    rate, low, high = sigmoid(np.array([quality, quality - error, quality + error]))
    return Interval(float(rate), float(low), float(high), len(np.unique(owners)))
