"""Campaigns: many people who say nearly the same in nearly the same words, in a burst.

In: claims. Out: the campaign of each claim that belongs to one. Time is counted in claims of everybody, not in
seconds: a busy hour is no burst, and no clock but the events' own is read. A campaign is not taken for a lie: it counts
as one person, so what an outage makes many people say keeps its voice, once.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from feedback.trust.claims import Claim

MIN_PEOPLE: Final = 5
"""Fewer who say the same at once are colleagues or chance."""
MAX_CHANCE: Final = 1e-4
"""How probable a burst may be among claims in random order; over a thousand themes that is one mistake in ten sets."""


def campaigns(claims: Sequence[Claim]) -> dict[str, str]:
    """Name of the campaign of each claim that is part of one, by claim id."""
    places = defaultdict[str, list[tuple[int, Claim]]](list)
    for place, claim in enumerate(sorted(claims, key=lambda claim: (claim.time, claim.claim_id))):
        places[claim.theme].append((place, claim))
    found = dict[str, str]()
    for theme, said in places.items():
        if len({claim.owner for _, claim in said}) < MIN_PEOPLE:
            continue
        for burst in _bursts(said, len(claims)):
            if len({claim.owner for _, claim in burst}) >= MIN_PEOPLE:
                found.update((claim.claim_id, theme) for _, claim in burst)
    return found


def _bursts(said: Sequence[tuple[int, Claim]], total: int) -> list[list[tuple[int, Claim]]]:
    """Runs of a theme's claims that stand closer together than chance allows.

    Runs are cut where a gap exceeds the mean gap of the theme's claims; a run of n in w places is a burst if a Poisson
    count of mean w * (theme's claims / all claims) reaches n with probability below MAX_CHANCE (the scan statistic of
    Naus 1965, "The distribution of the size of the maximum cluster of points on a line", with a fixed cut). A theme
    that is nearly everything that is said cannot stand out from itself and is none.
    """
    usual = total / len(said)
    cuts = [index for index, (one, other) in enumerate(pairwise(said), start=1) if other[0] - one[0] > usual]
    runs = [list(said[first:last]) for first, last in pairwise([0, *cuts, len(said)])]
    return [run for run in runs if _chance(len(run), (run[-1][0] - run[0][0] + 1) / usual) < MAX_CHANCE]


def _chance(count: int, mean: float) -> float:
    """P(Poisson(mean) >= count), by its upper terms so that small ones are exact enough."""
    term = math.exp(count * math.log(mean) - mean - math.lgamma(count + 1))
    total = 0.0
    while term > total * 1e-12:
        total += term
        count += 1
        term *= mean / count
    return min(total, 1.0)
