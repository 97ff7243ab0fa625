"""Voice: how much claims count together in a vote.

In: claims for one side with their standing. Out: a number. Each person and each campaign counts once, as far as it is
trusted; strangers who come by one source count together for MOST_STRANGERS people at most, however many they are.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

MOST_STRANGERS: Final = 3.0
"""People. Two who are known and a stranger outvote any number of strangers who come by one source."""


@dataclass(frozen=True, slots=True)
class Vote:
    """One claim in a vote. `weight`: how sure its label is, times how far its person is trusted."""

    party: str
    source: str
    weight: float
    is_stranger: bool


def voice(votes: Iterable[Vote]) -> float:
    """What votes for one side count. With strangers of one source of total weight x: cap * (1 - exp(-x / cap)).

    It grows with every stranger, if ever less, so among strangers alone the greater number still wins.
    """
    best = dict[str, Vote]()
    for vote in votes:
        if vote.party not in best or vote.weight > best[vote.party].weight:
            best[vote.party] = vote
    known, strangers = list[float](), defaultdict[str, list[float]](list)
    for vote in best.values():
        (strangers[vote.source] if vote.is_stranger else known).append(vote.weight)
    capped = (-MOST_STRANGERS * math.expm1(-math.fsum(of) / MOST_STRANGERS) for of in strangers.values())
    return math.fsum([*known, *capped])
