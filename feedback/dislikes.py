"""What people disliked: counts and shares by lever and by slice, with what must not be read into them.

In: answers, with their person, their slices and the probability that the person was dissatisfied; the lever of each
that was disliked. Out: groups with intervals, the prompt versions that are worse beyond chance, and orders that turn
round within slices. The statistical unit is the person: one who judges a hundred answers counts once.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Final, Literal, TypeVar, get_args

import numpy as np
from feedwheel_capture.vocabulary import ComplaintCategory

from feedback.statistics import Interval, mean_interval
from feedback.triage import Lever

Dimension = Literal["model", "model_version", "prompt_version", "arm", "locale"]
"""What answers can be divided by."""

DISLIKED_ABOVE: Final = 0.5
"""`p_dissatisfied` above which the person was more likely dissatisfied than not."""

MIN_PEOPLE: Final = 30
"""People who must have judged before a slice is ranked: of 30 the interval is 0.45 wide, of 20 0.52 (share 0.4)."""

NameT = TypeVar("NameT", bound=str)

_ALPHA: Final = 0.05
"""Each interval alone covers with 95 %; among twenty slices one may miss."""

_MAX_ROUNDS: Final = 1000
"""More people are averaged in groups of equal size first: memory stays bounded, and the interval as good as it was."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `person` is the conversation where nobody is named.

    `judged`: what somebody said or did about it points somewhere. `categories` are those of complaints.
    """

    response_id: str
    person: str
    slices: Mapping[Dimension, str]
    p_dissatisfied: float
    judged: bool
    categories: Sequence[ComplaintCategory] = ()

    @property
    def is_disliked(self) -> bool:
        """Whether somebody judged it, and more likely badly."""
        return self.judged and self.p_dissatisfied > DISLIKED_ABOVE


@dataclass(frozen=True, slots=True)
class Group:
    """What people thought of some answers. `people` judged any of them.

    `expected` is the sum of p_dissatisfied over judged answers, `disliked` the count above the threshold. `share`: the
    mean over people of the share of their judged answers that they disliked; None where nobody judged.
    """

    name: str
    answers: int
    judged: int
    people: int
    expected: float
    disliked: int
    share: Interval | None
    levers: dict[Lever, int]
    categories: dict[ComplaintCategory, int]

    @property
    def is_ranked(self) -> bool:
        """Whether enough people judged for its place among others to mean something."""
        return self.people >= MIN_PEOPLE


@dataclass(frozen=True, slots=True)
class LeverGroup:
    """What one lever would mend: disliked answers, the people behind them, and the share of judged answers."""

    lever: Lever
    disliked: int
    people: int
    share: Interval
    categories: dict[ComplaintCategory, int]


@dataclass(frozen=True, slots=True)
class Reversal:
    """Simpson's paradox: `worse` is disliked more than `better` overall, and less in each of `within`."""

    worse: str
    better: str
    dimension: Dimension
    within: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """All of it. `slices`: those of enough people first, the most disliked first; then the others by name."""

    total: Group
    levers: tuple[LeverGroup, ...]
    slices: tuple[Group, ...]
    reversals: tuple[Reversal, ...]


def summarise(answers: Sequence[Answer], levers: Mapping[str, Lever], by: Dimension) -> Summary:
    """Summarise answers. levers: by response id, of every disliked answer."""
    divided = _divided(answers, by)
    slices = [_group(name, found, levers) for name, found in divided.items()]
    return Summary(
        total=_group("all", answers, levers),
        levers=tuple(_by_lever(answers, levers)),
        slices=tuple(sorted(slices, key=_rank)),
        reversals=tuple(_reversals(divided, by)),
    )


def worse_prompts(answers: Iterable[Answer]) -> frozenset[tuple[str, str]]:
    """(model version, prompt version) that people dislike more than another prompt version of the same model.

    Both have enough people, and their intervals lie apart; each covers with 95 %, so that two do not part by chance in
    one of twenty.
    """
    found = set[tuple[str, str]]()
    for model, of_model in _divided(answers, "model_version").items():
        shares = _firm_shares(_divided(of_model, "prompt_version"))
        found |= {(model, one) for one, other in permutations(shares, 2) if shares[one].low > shares[other].high}
    return frozenset(found)


def _divided(answers: Iterable[Answer], by: Dimension) -> dict[str, list[Answer]]:
    found = defaultdict[str, list[Answer]](list)
    for answer in answers:
        found[answer.slices[by]].append(answer)
    return dict(sorted(found.items()))


def _firm_shares(divided: Mapping[str, Sequence[Answer]]) -> dict[str, Interval]:
    """The shares of those slices that enough people judged."""
    shares = {name: _share(answers) for name, answers in divided.items()}
    return {name: share for name, share in shares.items() if share is not None and share.n >= MIN_PEOPLE}


def _share(answers: Iterable[Answer], among: Collection[str] | None = None) -> Interval | None:
    """Share of judged answers that are disliked, and `among` these ids, as the mean over people; None without any."""
    verdicts = defaultdict[str, list[bool]](list)
    for answer in answers:
        if answer.judged:
            counts = among is None or answer.response_id in among
            verdicts[answer.person].append(answer.is_disliked and counts)
    if not verdicts:
        return None
    # Keys of people are hashes: their order knows nothing of what they said.
    means = np.array([np.mean(verdicts[person]) for person in sorted(verdicts)])
    rounds = np.array([part.mean() for part in np.array_split(means, min(len(means), _MAX_ROUNDS))])
    found = mean_interval(rounds, _ALPHA)
    return Interval(float(means.mean()), found.low, found.high, len(means))


def _group(name: str, answers: Sequence[Answer], levers: Mapping[str, Lever]) -> Group:
    judged = [answer for answer in answers if answer.judged]
    disliked = [answer for answer in judged if answer.is_disliked]
    share = _share(judged)
    return Group(
        name=name,
        answers=len(answers),
        judged=len(judged),
        people=share.n if share else 0,
        expected=sum(answer.p_dissatisfied for answer in judged),
        disliked=len(disliked),
        share=share,
        levers=_frequent(levers[answer.response_id] for answer in disliked),
        categories=_categories(disliked),
    )


def _by_lever(answers: Sequence[Answer], levers: Mapping[str, Lever]) -> Iterable[LeverGroup]:
    """The levers that would mend anything, the most first, what is unknown last."""
    disliked = defaultdict[Lever, list[Answer]](list)
    for answer in answers:
        if answer.is_disliked:
            disliked[levers[answer.response_id]].append(answer)
    for lever in sorted(disliked, key=lambda lever: (lever == "unknown", -len(disliked[lever]), lever)):
        found = disliked[lever]
        share = _share(answers, {answer.response_id for answer in found})
        assert share is not None  # who dislikes has judged
        yield LeverGroup(lever, len(found), len({answer.person for answer in found}), share, _categories(found))


def _frequent(values: Iterable[NameT]) -> dict[NameT, int]:
    return dict(sorted(Counter(values).items(), key=lambda item: (-item[1], item[0])))


def _categories(answers: Iterable[Answer]) -> dict[ComplaintCategory, int]:
    """Answers by category of complaint, the most frequent first."""
    return _frequent(category for answer in answers for category in set(answer.categories))


def _rank(group: Group) -> tuple[bool, float, str]:
    worst = -group.share.estimate if group.share and group.is_ranked else 0.0
    return not group.is_ranked, worst, group.name


def _reversals(divided: Mapping[str, Sequence[Answer]], by: Dimension) -> Iterable[Reversal]:
    """Pairs whose intervals lie apart, and whose order turns round in each of at least two slices of enough people."""
    overall = _firm_shares(divided)
    pairs = [(one, other) for one, other in permutations(overall, 2) if overall[one].low > overall[other].high]
    for dimension in get_args(Dimension):
        if dimension == by:
            continue
        inside = {name: _firm_shares(_divided(divided[name], dimension)) for pair in pairs for name in pair}
        for worse, better in pairs:
            common = sorted(inside[worse].keys() & inside[better].keys())
            turned = [inside[worse][name].estimate < inside[better][name].estimate for name in common]
            if len(common) > 1 and all(turned):
                yield Reversal(worse, better, dimension, tuple(common))
