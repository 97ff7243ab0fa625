"""Leniency: some people rate everything high, others everything low.

In: ratings and who gave them. Out: how much of their variance is people's, and ratings without it. The model is
rating = mean + person + rest; its variances are the estimates of the analysis of variance for unequal groups (Searle,
Casella, McCulloch, "Variance Components", 1992, section 3.6), a person's part is its best linear unbiased prediction

    offset = between / (between + within / n) * (mean of the person's n ratings - mean of the population)

(Robinson, "That BLUP is a Good Thing", Statistical Science 1991): who has rated little is taken to be like everybody.
What a person was shown is in their mean too, so a person who truly got worse answers is corrected too far.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from feedback.bias.likelihood import Codes, ratio_interval
from feedback.statistics import Floats, Interval

_NOTHING: Final = 1e-20
"""A variance this small is what subtraction leaves over of equal numbers."""


@dataclass(frozen=True, slots=True)
class Leniency:
    """Variances between and within people, the mean over people, and the offset of each person, float64 [people]."""

    mean: Interval
    between: float
    within: float
    offsets: Floats


def leniency(ratings: Floats, people: Codes) -> Leniency:
    """What of the ratings (float64 [n], on 0..1) is the person's. `people`: int64 [n], 0 to people - 1, all present.

    Where nobody rated twice, nothing can be told apart, and the offsets are 0.
    """
    counts = np.bincount(people)
    means = np.bincount(people, weights=ratings) / counts
    between, within = variances(ratings, people)
    spread = between + within / counts
    weights = 1 / spread if spread.all() else np.ones(len(counts))
    mean = ratio_interval(weights * means, weights, np.arange(len(counts)))
    shrinkage = between / spread if spread.all() else np.zeros(len(counts))
    return Leniency(mean, between, within, shrinkage * (means - mean.estimate))


def variances(ratings: Floats, people: Codes) -> tuple[float, float]:
    """Variance between people and within them, each at least 0."""
    counts = np.bincount(people)
    means = np.bincount(people, weights=ratings) / counts
    total, groups = len(ratings), len(counts)
    if groups < 2 or total == groups:
        return 0.0, float(ratings.var())
    within = float(((ratings - means[people]) ** 2).sum() / (total - groups))
    between = float((counts * (means - ratings.mean()) ** 2).sum() / (groups - 1))
    size = (total - float((counts**2).sum()) / total) / (groups - 1)
    return max(0.0, (between - within) / size), within


def people_share(ratings: Floats, people: Codes) -> float:
    """Share of the variance that is between people, 0..1 (the intraclass correlation); ratings on any scale."""
    between, within = variances(ratings, people)
    return between / (between + within) if between > _NOTHING else 0.0


def without_leniency(ratings: Floats, people: Codes) -> Floats:
    """The ratings less what is the person's: float64 [n], around the mean over people, no longer within a scale."""
    return ratings - leniency(ratings, people).offsets[people]
