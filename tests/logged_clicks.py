"""What a doubly robust estimate on logged clicks predicts by."""

import numpy as np

from feedback.bias.likelihood import Codes
from feedback.statistics import Floats


def held_out_rates(rewards: Floats, cells: Codes, folds: Codes, cell_count: int) -> Floats:
    """Reward rates by cell, each row's from the other folds: float64 [n, cells], what `doubly_robust` may predict by.

    cells, folds: int64 [n]. A cell of few rows is drawn towards the mean of all, as strongly as by the number of rows
    that earn one reward on average: less, where rewards are rare, would make a cell's first one decide.
    """
    rates = np.empty((len(rewards), cell_count))
    for fold in np.unique(folds):
        others = folds != fold
        mean = rewards[others].mean() if others.any() else 0.0
        hits = np.bincount(cells[others], weights=rewards[others], minlength=cell_count)
        rows = np.bincount(cells[others], minlength=cell_count)
        rates[~others] = (hits + 1) / (rows + 1 / mean) if mean > 0 else 0.0
    return rates
