"""Position: what is shown first is chosen more often, whatever it is.

In: options that were shown at positions drawn at random, with the chance of each to be there. Out: how often a position
is looked at, and choices that count for what they would have been anywhere. The model is that of positions: P(chosen) =
P(position looked at) * P(option liked); with placement at random the second part is the same everywhere, and rates of
choice tell the first (Wang et al., SIGIR 2016, section 4; Joachims, Swaminathan, Schnabel, WSDM 2017, section 4).
"""

import numpy as np

from feedback.bias.likelihood import Codes
from feedback.statistics import Floats


def examination(chosen: Floats, positions: Codes, propensities: Floats) -> Floats:
    """How often each position is looked at by how often the first is: float64 [positions], NaN where never shown.

    chosen: float64 [n] of 0 and 1, one for each option shown; positions: int64 [n] from 0; propensities: float64 [n].
    The first is the position 0; if nothing was chosen there, nothing can be said and all are NaN.
    """
    weights = 1 / propensities
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = np.bincount(positions, weights=chosen * weights) / np.bincount(positions, weights=weights)
        relative: Floats = rates / (rates[0] if rates[0] > 0 else np.nan)
    return relative


def undo_position(chosen: Floats, positions: Codes, looked_at: Floats) -> Floats:
    """Choices by how often their position is looked at, float64 [n]: unbiased for the rate at the first position.

    `looked_at` is what `examination` gives; a choice where it is unknown or 0 counts once.
    """
    usable = np.nan_to_num(looked_at)[positions]
    return chosen / np.where(usable > 0, usable, 1.0)
