"""Coverage: how evenly a set of examples is spread over what people ask, as an entropy.

In: the name of the group that each example is in (a topic, a language, a band of length, a slice). Out: the entropy of
the groups (Shannon 1948): H = -sum p log2 p, in bits. 2^H is the number of groups that would cover as much if all were
of one size; evenness is H / log2 k over k groups (Pielou 1966). Pure.
"""

import math
from collections import Counter
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

_BANDS: Final = (8, 16, 32, 64, 128)
"""Words at which a band of length ends, doubling: the medians of what people route, ask and paste lie bands apart."""


class Spread(Struct, frozen=True, kw_only=True):
    """`groups` that `examples` are in; `entropy` in bits; `evenness` 0 to 1, None of less than two groups.

    `largest` is the share of the largest group; `counts` are examples by group, empty where groups have no names.
    """

    examples: int
    groups: int
    entropy: float
    evenness: float | None
    largest: float
    counts: dict[str, int]


def spread(names: Iterable[str], *, named: bool = True) -> Spread:
    """The spread of examples over groups. `named`: whether the names say anything to people."""
    counts = Counter(names)
    total = counts.total()
    # Sorted: the sum of floats is the same in whatever order the examples come.
    entropy = -math.fsum(count / total * math.log2(count / total) for count in sorted(counts.values()))
    return Spread(
        examples=total,
        groups=len(counts),
        entropy=abs(entropy),  # of one group it is -0.0
        evenness=entropy / math.log2(len(counts)) if len(counts) > 1 else None,
        largest=max(counts.values()) / total if counts else 0.0,
        counts=dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))) if named else {},
    )


def length_band(text: str) -> str:
    """The band of a text by its words."""
    words = len(text.split())
    low = 0
    for high in _BANDS:
        if words < high:
            return f"{low} to {high - 1} words"
        low = high
    return f"{low} words or more"
