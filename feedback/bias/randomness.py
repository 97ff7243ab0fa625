"""Random clicks: judgements by people who did not read, or who click anything.

In: how long an answer was before somebody's eyes, and who judged what. Out: which judgements can have been considered,
and how much a person's judgement is worth by its agreement with others about the same thing.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from feedback.bias.likelihood import Codes
from feedback.statistics import Floats

_SCANNING: Final = 60.0
"""Characters a second: 600 words a minute, which is scanning, not reading (Carver, Journal of Reading 1992)."""
_ENOUGH: Final = 180
"""Characters after which a judgement may be made though the answer goes on: three seconds of scanning."""

_RIGHT, _WRONG = 4.0, 1.0
"""Beta prior of a person's accuracy: right in 4 of 5, the confidence that the taxonomy states for a thumb, held as
firmly as five judgements would."""
_ROUNDS: Final = 100
_PRECISION: Final = 1e-6


def is_considered(dwell_ms: Floats, characters: Floats) -> np.typing.NDArray[np.bool_]:
    """Whether somebody can have read enough to judge: bool [n].

    dwell_ms: float64 [n], NaN where not measured, which counts as considered. characters: float64 [n], of the answer.
    """
    needed = 1000 * np.minimum(characters, _ENOUGH) / _SCANNING
    return ~(dwell_ms < needed)


@dataclass(frozen=True, slots=True)
class Agreement:
    """`accuracy` float64 [people]; `shared` counts the items that more than one person judged."""

    accuracy: Floats
    shared: int

    @property
    def weights(self) -> Floats:
        """What a person's judgement counts, 0..1: twice the accuracy less 1, so that who guesses counts nothing."""
        return np.maximum(0.0, 2 * self.accuracy - 1)


def agreement(votes: Floats, people: Codes, items: Codes) -> Agreement:
    """Accuracy of people from whom they agree with: Dawid and Skene (Applied Statistics 1979) with one coin a person.

    votes: float64 [n] of 0 and 1; people and items: int64 [n], numbers from 0. Expectation maximisation from the
    majority's vote. Of one person's votes on one item the first counts: nobody agrees with themselves. A person who
    shares no item with anybody keeps the prior.
    """
    size = int(people.max(initial=-1)) + 1
    _, first = np.unique(items * size + people, return_index=True)
    judges = np.bincount(items[first], minlength=1)
    shared = first[judges[items[first]] > 1]
    votes, who, what = votes[shared], people[shared], items[shared]
    counts = np.bincount(who, minlength=size)
    accuracy = np.full(size, _RIGHT / (_RIGHT + _WRONG))
    for _ in range(_ROUNDS):
        liked = _chance_liked(votes, accuracy[who], what, len(judges))[what]
        right = np.where(votes > 0, liked, 1 - liked)
        updated = (_RIGHT + np.bincount(who, weights=right, minlength=size)) / (_RIGHT + _WRONG + counts)
        moved = np.abs(updated - accuracy).max(initial=0.0)
        accuracy = updated
        if moved < _PRECISION:
            break
    return Agreement(accuracy, int((judges > 1).sum()))


def _chance_liked(votes: Floats, accuracy: Floats, items: Codes, size: int) -> Floats:
    """Probability of each item to be truly liked, float64 [items]; the prior is even."""
    says = np.where(votes > 0, 1.0, -1.0) * np.log(accuracy / (1 - accuracy))
    chances: Floats = 1 / (1 + np.exp(-np.bincount(items, weights=says, minlength=size)))
    return chances
