"""Drift of a mix: whether the people of a batch differ from those before by more than chance, and by how much.

In: people by category, each counted once, in a baseline and in a batch. Out: the population stability index (PSI), and
how often chance alone gives as great a one.

PSI = sum over categories of (b - a) ln(b / a), for the shares a of the baseline and b of the batch; by convention below
0.1 nothing moved and above 0.25 much did (Siddiqi, Credit Risk Scorecards, 2006, chapter 9). Of small samples it is
large by chance alone, so it never counts by itself: the same people are divided again at random into groups as large as
the two, and a PSI counts if at most a share alpha of the divisions has as great a one. Where batch and baseline are
drawn alike that is exact at any size and for any number of rare categories (a permutation test).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Counts = Mapping[str, int]
"""People by category."""

SMOOTHING: Final = 0.5
"""Added to every count, as Jeffreys' prior does: a category that one side lacks has a finite index."""

_DIVISIONS_AT_ALPHA: Final = 4
"""Divisions that reach the wanted level: with fewer, luck would decide on which side of it a mix is."""
_DIVISIONS_AT_ONCE: Final = (500, 10_000)
"""At first, where most of what chance explains is seen to be chance; then, some MB for a hundred categories."""

_SEED: Final = 0
"""The same batch has the same verdict whenever it is judged."""


@dataclass(frozen=True, slots=True)
class Drift:
    """How far a mix moved, and the category whose share grew most: from `before` to `now`."""

    psi: float
    people: int
    category: str
    before: float
    now: float


def drift(baseline: Counts, batch: Counts, bound: float, alpha: float) -> Drift | None:
    """What moved by a PSI beyond `bound` that chance gives at most a share `alpha` of the time; None if nothing did."""
    names = sorted({*baseline, *batch})
    before, now = (np.array([counts.get(name, 0) for name in names], np.int64) for counts in (baseline, batch))
    if not before.sum() or not now.sum():
        return None
    index = float(_psi(before, now))
    if index <= bound or not _is_beyond_chance(before, now, index, alpha):
        return None
    a, b = before / before.sum(), now / now.sum()
    most = int((b - a).argmax())
    return Drift(index, int(now.sum()), names[most], float(a[most]), float(b[most]))


def _psi(before: NDArray[np.int64], now: NDArray[np.int64]) -> NDArray[np.float64]:
    """int64 [..., categories] each; float64 [...]."""
    a, b = ((counts + SMOOTHING) / (counts + SMOOTHING).sum(axis=-1, keepdims=True) for counts in (before, now))
    index: NDArray[np.float64] = ((b - a) * np.log(b / a)).sum(axis=-1)
    return index


def _is_beyond_chance(before: NDArray[np.int64], now: NDArray[np.int64], index: float, alpha: float) -> bool:
    """Whether at most `alpha` of random divisions of the same people, the real one among them, have such an index."""
    divisions, everybody = math.ceil(_DIVISIONS_AT_ALPHA / alpha), before + now
    random, allowed, as_great = np.random.default_rng(_SEED), alpha * (1 + divisions), 1
    at_once, left = _DIVISIONS_AT_ONCE[0], divisions
    while left:
        size = min(at_once, left)
        at_once, left = _DIVISIONS_AT_ONCE[1], left - size
        drawn = random.multivariate_hypergeometric(everybody, int(now.sum()), size, method="marginals")
        as_great += int((_psi(everybody - drawn, drawn) >= index - _SAME).sum())
        if as_great > allowed:
            return False
    return True


_SAME: Final = 1e-12
"""Two computations of one index may differ by as much."""
