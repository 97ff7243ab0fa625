"""Order: of two answers side by side the one read first, or last, is chosen more often.

In: comparisons of two models, each with which was shown first. Out: the win rate with both orders counted alike, as if
every comparison had been made twice with the sides swapped (Zheng et al., "Judging LLM-as-a-Judge", NeurIPS 2023,
section 3.4; Wang et al., "Large Language Models are not Fair Evaluators", ACL 2024, section 4).
"""

import numpy as np

from feedback.bias.likelihood import Codes, ratio_interval
from feedback.statistics import Floats, Interval


def order_balanced(won: Floats, shown_first: Floats, owners: Codes) -> Interval | None:
    """Mean of the win rates when shown first and when shown second; None if it was never shown in one of the places.

    won, shown_first: float64 [n] of 0 and 1, of the same model.
    """
    share = float(shown_first.mean()) if len(shown_first) else 0.0
    if share in (0.0, 1.0):
        return None
    weights = np.where(shown_first > 0, 1 / share, 1 / (1 - share))
    return ratio_interval(weights * won, weights, owners)
