"""What another policy would be worth, from the log of one whose propensities are known.

In: rewards of the logged actions, and how much more often the other policy takes each: weight = target propensity /
logged propensity. Out: values with 95 % intervals. Weights are not clipped, so the first and third estimates are
unbiased; where the logged policy never does what the other would, nothing can be known, and propensities must exceed 0.
"""

from feedback.bias.likelihood import Codes, mean_interval, ratio_interval
from feedback.statistics import Floats, Interval


def weights_of(target: Floats, logged: Floats) -> Floats:
    """Target by logged propensity of each logged action, float64 [n]. Raises ValueError for one outside 0..1."""
    if len(logged) and not (logged.min() > 0 and logged.max() <= 1 and target.min() >= 0 and target.max() <= 1):
        raise ValueError("a propensity is outside 0..1, or a logged one is 0")
    return target / logged


def inverse_propensity(
    rewards: Floats, weights: Floats, owners: Codes, bounds: tuple[float, float] = (0.0, 1.0)
) -> Interval:
    """IPS: mean of weight * reward (Horvitz and Thompson, JASA 1952). Unbiased."""
    return mean_interval(weights * rewards, owners, bounds)


def self_normalised(
    rewards: Floats, weights: Floats, owners: Codes, bounds: tuple[float, float] = (0.0, 1.0)
) -> Interval:
    """SNIPS: sum of weight * reward by sum of weights (Swaminathan and Joachims, NeurIPS 2015). Within the rewards."""
    return ratio_interval(weights * rewards, weights, owners, bounds)


def doubly_robust(
    rewards: Floats,
    weights: Floats,
    predicted: Floats,
    predicted_target: Floats,
    owners: Codes,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Interval:
    """DR: mean of predicted_target + weight * (reward - predicted) (Dudik, Langford, Li, ICML 2011).

    predicted: float64 [n], expected reward of the logged action; predicted_target: [n], of the other policy in the same
    place. Right if either they or the propensities are; the predictions must not know the reward of their own row.
    """
    return mean_interval(predicted_target + weights * (rewards - predicted), owners, bounds)
