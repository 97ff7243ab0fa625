"""The release gate: whether the evidence allows a challenger to take the champion's place (I6).

In: what both models answered to the same gate items, and how many people were asked. Out: a verdict with every figure
it rests on. Items were drawn before any feedback, so neither model chose them; the unit is the person, whose items are
averaged first, because one person's answers are not independent. Pure.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from feedwheel_capture.vocabulary import GateVerdict

from feedback.near_duplicates import normalise
from feedback.statistics import Interval, mean_interval, verdict


@dataclass(frozen=True, slots=True)
class Outcome:
    """One gate item: whose it is, whether each model answered it as the person wanted, and the slices it is in."""

    owner: str
    champion_right: bool
    challenger_right: bool
    slices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """How many answers were drawn for the gate, and how many of those were confirmed or corrected."""

    asked: int
    answered: int

    @property
    def response_rate(self) -> float:
        """Share of the asked that answered; 0 if nobody was asked."""
        return self.answered / self.asked if self.asked else 0.0


@dataclass(frozen=True, slots=True)
class Rules:
    """The section [gate] of the configuration, as far as it decides."""

    alpha: float
    margin: float
    min_items: int
    min_users: int
    min_response_rate: float


@dataclass(frozen=True, slots=True)
class SliceFigures:
    """A part of the items: for people to look at, never for the verdict, which would then test many things at once."""

    items: int
    champion: float
    challenger: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """A verdict and what it rests on.

    `difference` is challenger minus champion, mean over people, each in [-1, 1]. `worst_case` is where the difference
    could lie if those who did not answer had all agreed with one side. `lacking` says why there is no verdict.
    """

    verdict: GateVerdict
    difference: Interval
    champion_accuracy: float
    challenger_accuracy: float
    items: int
    users: int
    asked: int
    answered: int
    response_rate: float
    worst_case: tuple[float, float]
    margin: float
    alpha: float
    lacking: list[str]
    slices: dict[str, SliceFigures]


def is_right(answer: str, wanted: str) -> bool:
    """Whether an answer is the wanted one: the same words; case, punctuation and white space do not count."""
    return normalise(answer) == normalise(wanted)


def decide(outcomes: Sequence[Outcome], asked: Asked, rules: Rules) -> Evidence:
    """The verdict on a challenger."""
    by_owner = defaultdict[str, list[Outcome]](list)
    for outcome in outcomes:
        by_owner[outcome.owner].append(outcome)
    # Sorted by the person's key, a hash: an order that knows nothing of the values.
    differences = np.array([_difference(by_owner[owner]) for owner in sorted(by_owner)], dtype=np.float64)
    interval = mean_interval(differences, rules.alpha, bounds=(-1.0, 1.0))
    lacking = _lacking(len(outcomes), len(by_owner), asked, rules)
    return Evidence(
        verdict="INCONCLUSIVE" if lacking else verdict(interval, rules.margin),
        difference=interval,
        champion_accuracy=_share([outcome.champion_right for outcome in outcomes]),
        challenger_accuracy=_share([outcome.challenger_right for outcome in outcomes]),
        items=len(outcomes),
        users=len(by_owner),
        asked=asked.asked,
        answered=asked.answered,
        response_rate=asked.response_rate,
        worst_case=_worst_case(interval, asked.response_rate),
        margin=rules.margin,
        alpha=rules.alpha,
        lacking=lacking,
        slices=_slices(outcomes),
    )


def _difference(outcomes: Sequence[Outcome]) -> float:
    """Mean of challenger minus champion over one person's items."""
    return sum(outcome.challenger_right - outcome.champion_right for outcome in outcomes) / len(outcomes)


def _share(right: Sequence[bool]) -> float:
    return sum(right) / len(right) if right else 0.0


def _lacking(items: int, users: int, asked: Asked, rules: Rules) -> list[str]:
    """Which minimum is not met, in words with both figures."""
    minimums = (
        (items < rules.min_items, f"{items} gate items, gate.min_items is {rules.min_items}"),
        (users < rules.min_users, f"{users} people, gate.min_users is {rules.min_users}"),
        (
            asked.response_rate < rules.min_response_rate,
            f"{asked.answered} of {asked.asked} asked have answered, "
            f"gate.min_response_rate is {rules.min_response_rate:.0%}",
        ),
    )
    return [words for is_missing, words in minimums if is_missing]


def _worst_case(interval: Interval, response_rate: float) -> tuple[float, float]:
    """Ends of the interval with all silent people wholly against, and wholly for the challenger."""
    silent = 1 - response_rate
    return response_rate * interval.low - silent, response_rate * interval.high + silent


def _slices(outcomes: Sequence[Outcome]) -> dict[str, SliceFigures]:
    members: Mapping[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        for name in outcome.slices:
            members[name].append(outcome)
    return {
        name: SliceFigures(
            len(found),
            _share([outcome.champion_right for outcome in found]),
            _share([outcome.challenger_right for outcome in found]),
        )
        for name, found in sorted(members.items())
    }
