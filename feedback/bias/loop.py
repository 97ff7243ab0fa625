"""Degenerate loops: a model that is trained on what it says, and asked what it is good at, narrows.

In: what the examples of a data set say. Out: figures to be compared from build to build, which do not depend on how
large a build is.
"""

from collections import Counter
from collections.abc import Hashable, Iterable


def concentration(labels: Iterable[Hashable]) -> float | None:
    """Chance that two examples drawn without putting back are alike, 0..1; None of fewer than two.

    sum of n (n - 1) over the labels, by N (N - 1): unbiased at any N (Simpson, Nature 1949). 1 by it is how many
    equally frequent labels would be as diverse.
    """
    counts = Counter(labels)
    total = counts.total()
    if total < 2:
        return None
    return sum(count * (count - 1) for count in counts.values()) / (total * (total - 1))


def own_share(is_own: Iterable[bool]) -> float | None:
    """Share of the answers to imitate that the model itself wrote, 0..1; None without any."""
    own = list(is_own)
    return sum(own) / len(own) if own else None
