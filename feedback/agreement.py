"""Agreement: whether people who judge the same thing say the same of it.

In: judgements, each of one unit by one person. Out: Krippendorff's alpha for nominal values, 1 where all agree, 0 where
they agree as by chance, below 0 where they contradict each other (Krippendorff, "Computing Krippendorff's
Alpha-Reliability", 2011). Units that one person judged say nothing and are left out.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable

from msgspec import Struct


class Agreement(Struct, frozen=True):
    """`alpha`, None where all judgements are of one value or no unit has two; over `units`, judged by several people.

    `judgements` are those of these units, one of each person about each.
    """

    alpha: float | None
    units: int
    judgements: int


def agreement(judgements: Iterable[tuple[Hashable, str, Hashable]]) -> Agreement:
    """Of (unit, person, value); of several by one person about one unit the last counts.

    alpha = 1 - observed / expected disagreement: with n_u values in unit u, n_c of value c and n in all,
    observed = sum over units of the pairs that differ / (n_u - 1), expected = the pairs of all that differ / (n - 1).
    """
    by_unit = defaultdict[Hashable, dict[str, Hashable]](dict)
    for unit, person, value in judgements:
        by_unit[unit][person] = value
    units = [Counter(said.values()) for said in by_unit.values() if len(said) > 1]
    total = Counter(value for unit in units for value in unit.elements())
    count = total.total()
    expected = _differing(total) / (count - 1) if count else 0.0
    observed = sum(_differing(unit) / (unit.total() - 1) for unit in units)
    return Agreement(1 - observed / expected if expected else None, len(units), count)


def _differing(values: Counter[Hashable]) -> int:
    """Ordered pairs of values that are not the same."""
    return values.total() ** 2 - sum(count**2 for count in values.values())
