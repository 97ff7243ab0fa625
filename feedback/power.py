"""Power: the smallest difference between two models that so many people can show, by the gate's own statistics.

In: a number of people and the gate's error rate. Out: the true difference of accuracies that the gate would see in four
of five tries. Computed with the interval that decides (`feedback.statistics`), by simulation, not with a formula for
another test. Pure.

Assumed, because it is not known before both models have answered: one item a person (several a person tell more), and a
share LOST of the people for whom the challenger is worse although it is better on the whole.
"""

import math
from typing import Final

import numpy as np
from msgspec import Struct

from feedback.statistics import Floats, is_above

POWER: Final = 0.8
"""Share of tries that see the difference: what is usual (Cohen 1988)."""
LOST: Final = 0.1
"""With it the differences of 100 people vary as those of two models that disagree on every third item."""
_TRIES: Final = 400
"""Simulated evaluations: the share that sees a difference is known to 0.02."""
_LARGEST: Final = 1_000
"""People up to whom evaluations are simulated; beyond it an interval narrows with the root of their number."""
_STEPS: Final = 10
"""Halvings of [0, 1]: exact to 0.001, which is also the grid of the interval."""


class Power(Struct, frozen=True, kw_only=True):
    """What `people` with `items` can show at error rate `alpha`: a true difference of `detectable` or more.

    None where no difference would do.
    """

    people: int
    items: int
    alpha: float
    detectable: float | None


def power_of(people: int, items: int, alpha: float) -> Power:
    """The power of an evaluation set."""
    return Power(people=people, items=items, alpha=alpha, detectable=detectable_difference(people, alpha))


def detectable_difference(people: int, alpha: float) -> float | None:
    """The smallest true difference below 1 - 2 LOST that is seen with probability POWER; None if none is."""
    simulated = min(people, _LARGEST)
    draws = np.random.default_rng(0).random((_TRIES, simulated))  # the same for every difference: seen stays seen
    low, high = 0.0, 1.0 - 2 * LOST
    if not people or _share_seen(high, draws, alpha) < POWER:
        return None
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if _share_seen(middle, draws, alpha) >= POWER else (middle, high)
    return high * math.sqrt(simulated / people)


def _share_seen(difference: float, draws: Floats, alpha: float) -> float:
    """Share of the evaluations of which the gate says better. draws: float64 [tries, people], uniform in [0, 1)."""
    values = np.where(draws < difference + LOST, 1.0, np.where(draws >= 1 - LOST, -1.0, 0.0))
    return sum(is_above(0.0, of_people, alpha, (-1.0, 1.0)) for of_people in values) / len(values)
