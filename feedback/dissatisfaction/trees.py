"""Boosted decision trees as plain arrays.

In: rows of features. Out: log-odds. All trees are walked at once, a level at a time: a row goes left where its feature
is at most the threshold (Friedman, "Greedy function approximation", 2001, for what such a sum is).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from feedback.statistics import Floats

Ints = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """Arrays [trees, nodes]; node 0 is the root, a leaf is its own child. `base`: log-odds before any tree.

    feature: int32, column that is compared. threshold: float64. left, right: int32, node to go to. value: float64, what
    a leaf adds. depth: the longest way down.
    """

    feature: Ints
    threshold: Floats
    left: Ints
    right: Ints
    value: Floats
    base: float
    depth: int

    def log_odds(self, rows: Floats) -> Floats:
        """rows: float64 [n, features] -> float64 [n]."""
        trees = np.arange(len(self.feature))
        node = np.zeros((len(rows), len(trees)), np.int32)
        which = np.arange(len(rows))[:, None]
        for _ in range(self.depth):
            goes_left = rows[which, self.feature[trees, node]] <= self.threshold[trees, node]
            node = np.where(goes_left, self.left[trees, node], self.right[trees, node])
        total: Floats = self.base + self.value[trees, node].sum(axis=1)
        return total
