"""The learning curve: what more of the same data would bring.

In: how right models were that were trained on growing, nested parts of one set, by person. Out: accuracies and the
slope per doubling of the examples, each with its interval, and an answer. Accuracy over the logarithm of the size is
nearly a line in the range of finetuning sets (Hestness et al. 2017, section 5); the slope is that of least squares. It
is linear in the accuracies, so it is computed for each person, and the people are the sample, as in the gate. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from feedback.statistics import Floats, Interval, mean_interval

Worth = Literal["collect", "enough", "unclear"]
"""`collect`: doubling helps; `enough`: it brings less than the margin; `unclear`: the evaluation set cannot tell."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Accuracy at each size, mean over people, and the slope per doubling; intervals at 1 - alpha, each by itself."""

    accuracies: list[Interval]
    slope: Interval
    worth: Worth


def learning_curve(sizes: Sequence[int], right: Floats, alpha: float, margin: float) -> Curve:
    """The curve.

    sizes: examples trained on, growing, two or more; right: float64 [people, sizes] in 0..1, sorted by the people's
    keys; margin: an accuracy that is not worth having. Raises ValueError for sizes that do not grow.
    """
    if len(sizes) < 2 or any(after <= before for before, after in pairwise(sizes)):
        raise ValueError(f"sizes {sizes} do not grow")
    doublings = np.log2(np.array(sizes, dtype=np.float64))
    centred = doublings - doublings.mean()
    weights = centred / (centred**2).sum()
    bound = float(weights[weights > 0].sum())
    # Rounding may take a slope past its bound.
    slopes = np.clip(right @ weights, -bound, bound)
    slope = mean_interval(slopes, alpha, (-bound, bound))
    accuracies = [mean_interval(of_size, alpha) for of_size in right.T]
    return Curve(accuracies, slope, _worth(slope, margin))


def _worth(slope: Interval, margin: float) -> Worth:
    if slope.low > 0:
        return "collect"
    return "enough" if slope.high < margin else "unclear"
