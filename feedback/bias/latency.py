"""Latency: people judge a slow answer worse, and two models that are not equally fast are not judged alike.

In: judgements with the latency of what they judge. Out: how judgements move with latency (regression), and the
difference of two models at equal latency (strata). Five strata take away some 90 % of the bias of one confounder
(Cochran, Biometrics 1968); differences within strata are weighted by the judgements of both in each.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from feedback.bias.likelihood import Codes, by_owner
from feedback.bias.logistic import NORMAL_95, fit
from feedback.statistics import Floats, Interval

STRATA: Final = 5
_LEAST: Final = 5
"""Judgements of each model below which a stratum tells nothing of their spread."""


@dataclass(frozen=True, slots=True)
class Adjusted:
    """Differences of satisfied shares, as they are and at equal latency.

    `compared`: share of judgements in strata that hold enough of both models, which alone can be compared.
    """

    raw: Interval
    stratified: Interval
    compared: float


def latency_slope(satisfied: Floats, latency_ms: Floats, owners: Codes) -> Interval:
    """Change of the log-odds to be satisfied with twice the latency; arrays float64 [n], latency in milliseconds."""
    doublings = np.log2(np.maximum(latency_ms, 1.0))
    model = fit((doublings - doublings.mean())[:, None], satisfied, owners)
    slope, error = float(model.coefficients[1]), NORMAL_95 * model.deviation(1)
    return Interval(slope, slope - error, slope + error, len(np.unique(owners)))


def at_equal_latency(satisfied: Floats, is_second: Floats, latency_ms: Floats, owners: Codes) -> Adjusted | None:
    """Satisfied share of the second of two models less that of the first; None if no stratum holds enough of both.

    All float64 [n], `is_second` 0 or 1.
    """
    if not len(latency_ms):
        return None
    edges = np.quantile(latency_ms, np.linspace(0, 1, STRATA + 1)[1:-1])
    strata = np.searchsorted(edges, latency_ms, side="left")
    stratified = _difference(satisfied, is_second, strata, owners)
    raw = _difference(satisfied, is_second, np.zeros_like(strata), owners)
    if stratified is None or raw is None:
        return None
    return Adjusted(raw[0], stratified[0], stratified[1])


def _difference(satisfied: Floats, is_second: Floats, strata: Codes, owners: Codes) -> tuple[Interval, float] | None:
    """The weighted difference with a person-clustered interval, and the share of rows it compares."""
    difference, influence = 0.0, np.zeros(len(satisfied))
    seconds = [is_second[strata == stratum] for stratum in range(STRATA)]
    both = [stratum for stratum, of in enumerate(seconds) if _LEAST <= of.sum() <= len(of) - _LEAST]
    compared = np.isin(strata, both)
    if not both:
        return None
    for stratum in both:
        inside = strata == stratum
        share = inside.sum() / compared.sum()
        for side, sign in ((1, 1.0), (0, -1.0)):
            rows = inside & (is_second == side)
            mean = satisfied[rows].mean()
            difference += sign * share * mean
            influence[rows] = sign * share * (satisfied[rows] - mean) / rows.sum()
    error = NORMAL_95 * float(np.sqrt((by_owner(influence[compared], owners[compared]) ** 2).sum()))
    people = len(np.unique(owners[compared]))
    interval = Interval(float(difference), float(difference) - error, float(difference) + error, people)
    return interval, float(compared.mean())
