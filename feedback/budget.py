"""Budget: which examples stay where more are there than a set may have.

In: training examples, each with a weight (`feedback.importance`) and the groups it is in. Out: as many as the budget
allows. First every group of every dimension (a language, a length, a model) gets its floor, so that what is rare stays;
the rest is drawn by weight. The draw is a weighted sample without replacement (Efraimidis and Spirakis, "Weighted
random sampling with a reservoir", 2006): each example has the key u^(1/weight), with u a hash of its id, and the
largest keys win. So it needs no seed, does not depend on order, and with the same weights a larger budget keeps what a
smaller one kept, beside floors.
"""

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_FLOORS_SHARE: Final = 0.5
"""Of the budget, shared evenly among the groups of each dimension: the other half keeps the mix of production."""
_LEAST_WEIGHT: Final = 1e-6
"""A weight of 0 would have no key."""


@dataclass(frozen=True, slots=True)
class Item:
    """One example: its weight, and by dimension the group it is in."""

    item_id: str
    weight: float
    groups: Mapping[str, str]


def within_budget(items: Sequence[Item], budget: int) -> set[str]:
    """Ids of at most `budget` items."""
    if len(items) <= budget:
        return {item.item_id for item in items}
    ranked = sorted(items, key=lambda item: (-_log_key(item), item.item_id))
    chosen = _floors(ranked, budget)
    taken = {item.item_id for item in chosen}
    chosen += [item for item in ranked if item.item_id not in taken]
    return {item.item_id for item in chosen[:budget]}


def _floors(ranked: Sequence[Item], budget: int) -> list[Item]:
    """Those that floors keep, rarest groups first: one example may fill the floors of several dimensions."""
    sizes: dict[str, Counter[str]] = defaultdict(Counter)
    for item in ranked:
        for dimension, group in item.groups.items():
            sizes[dimension][group] += 1
    has, chosen, taken = Counter[tuple[str, str]](), list[Item](), set[str]()
    for size, dimension, group in sorted((n, name, group) for name, of in sizes.items() for group, n in of.items()):
        floor = min(size, int(_FLOORS_SHARE * budget / len(sizes) / len(sizes[dimension])))
        for item in ranked:
            if has[dimension, group] >= floor:
                break
            if item.groups.get(dimension) == group and item.item_id not in taken:
                chosen.append(item)
                taken.add(item.item_id)
                has.update(item.groups.items())
    return chosen


def _log_key(item: Item) -> float:
    """log(u) / weight, of u in (0, 1)."""
    drawn = int.from_bytes(hashlib.sha256(item.item_id.encode()).digest()[:8])
    return math.log((drawn + 1) / (2**64 + 1)) / max(item.weight, _LEAST_WEIGHT)
