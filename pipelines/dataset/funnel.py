"""The funnel of a data set: how many went into each step, and what each left out.

In: what a curation counted, and what the data set left out of it. Out: steps in the order in which they were taken.
"""

from collections.abc import Mapping
from typing import Final, get_args

from msgspec import Struct

from feedback.select import Step as Selecting
from pipelines.curate.examples import UNLABELLED

_FIRST: Final = ("labels", "format")
_LAST: Final = ("consents", "selection")
_ORDER: Final = (*_FIRST, *get_args(Selecting), *_LAST)
"""Steps between `_FIRST` and `_LAST` that are not among those of selection stand before them, by name."""


class Step(Struct, frozen=True, kw_only=True):
    """One step: what went in, less what it `dropped` by reason, is `left`. Answers first, then their labels."""

    name: str
    taken: int
    dropped: dict[str, int]
    left: int


def funnel(answers: int, kept: int, dropped: Mapping[str, Mapping[str, int]]) -> list[Step]:
    """From `answers` to the `kept` examples, by what each step dropped; steps that dropped nothing are left out."""
    unlabelled = dropped.get(UNLABELLED, {})
    steps = [_step("answers with a label", answers, unlabelled)]
    names = sorted((name for name in dropped if name != UNLABELLED and dropped[name]), key=_place)
    left = kept + sum(sum(dropped[name].values()) for name in names)
    for name in names:
        steps.append(_step(name, left, dropped[name]))
        left = steps[-1].left
    return steps


def _step(name: str, taken: int, dropped: Mapping[str, int]) -> Step:
    return Step(name=name, taken=taken, dropped=dict(dropped), left=taken - sum(dropped.values()))


def _place(name: str) -> tuple[int, str]:
    return (_ORDER.index(name) if name in _ORDER else len(_FIRST) - 1, name)
