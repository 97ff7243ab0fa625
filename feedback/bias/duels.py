"""Duels: the comparisons of the two models that were compared most often, as arrays.

In: choices among options. Out: for each comparison of two options whether the second model (by name) won, whether it
was shown first, and how much longer its answer was.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from feedback.bias.likelihood import Codes, ratio_interval
from feedback.bias.observed import Choice, Option
from feedback.bias.position import examination, undo_position
from feedback.statistics import Floats, Interval

_EVEN: Final = 0.5


@dataclass(frozen=True, slots=True)
class Duels:
    """All arrays are of n duels; `first` and `second` are the models, in the order of their names.

    `propensities`: the chance of the places as they were; even where the application has not said.
    """

    first: str
    second: str
    won: Floats
    shown_first: Floats
    propensities: Floats
    length_difference: Floats
    owners: Codes

    def position_corrected(self) -> Interval:
        """Share of the choices that went to the second model, each by how often its place is looked at."""
        chosen = np.concatenate([self.won, 1 - self.won])
        positions = np.concatenate([1 - self.shown_first, self.shown_first]).astype(np.int64)
        # The place of one option is the place of the other, so both have the same chance.
        looked_at = examination(chosen, positions, np.concatenate([self.propensities, self.propensities]))
        counts = undo_position(chosen, positions, looked_at)
        wins, losses = counts[: len(self.won)], counts[len(self.won) :]
        return ratio_interval(wins, wins + losses, self.owners)


def duels(choices: Iterable[Choice]) -> Duels | None:
    """The duels of the most frequent pair of models; None if no two models were compared."""
    by_pair = Counter[tuple[str, str]]()
    rows = list[tuple[tuple[str, str], Option, Option, str]]()
    for choice in choices:
        known = [option for option in choice.options if option.model_version is not None]
        if len(choice.options) == len(known) == 2 and len({option.model_version for option in known}) == 2:
            other, own = sorted(known, key=lambda option: option.model_version or "")
            pair = (other.model_version or "", own.model_version or "")
            rows.append((pair, other, own, choice.owner))
            by_pair[pair] += 1
    if not rows:
        return None
    pair = max(by_pair, key=lambda name: (by_pair[name], name))
    found = [(other, own, owner) for of, other, own, owner in rows if of == pair]
    names = {name: code for code, name in enumerate(sorted({owner for _, _, owner in found}))}
    return Duels(
        first=pair[0],
        second=pair[1],
        won=np.array([float(own.chosen) for _, own, _ in found]),
        shown_first=np.array([float(own.position < other.position) for other, own, _ in found]),
        propensities=np.array([own.propensity or _EVEN for _, own, _ in found]),
        length_difference=np.array([float((own.characters or 0) - (other.characters or 0)) for other, own, _ in found]),
        owners=np.array([names[owner] for _, _, owner in found], dtype=np.int64),
    )
