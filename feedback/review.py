"""Review: which answers people of the operator's should look at, and what their verdicts say.

In: answers of people who evaluate, and what was reviewed before. Out: the queue of a day, and figures over verdicts.
Half of a queue is drawn at random, so that it shows the quality of production; the rest is what users disliked, and
what nobody can tell. Each day draws anew, and what enough reviewers have seen leaves: the queue rotates, and since only
people who evaluate are in it (I5), no verdict is about words that train. Verdicts evaluate; no label is made of them.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from msgspec import Struct

from feedback.agreement import Agreement, agreement
from feedback.split import unit_draw
from feedback.statistics import Interval, mean_interval
from schemas.reviews import Mark, Verdict, Why

_RANDOM: Final = 0.5
_DISLIKED: Final = 0.25
"""Shares of a queue; what is left is unsure."""
_EVEN: Final = 0.5
TWICE_SHARE: Final = 0.2
"""Of answers two people look at: of 100 reviews 17 pairs, which tell an alpha of 0.8 from one of 0.4."""
_ALPHA: Final = 0.05


@dataclass(frozen=True, slots=True)
class Reviewable:
    """One answer of a person who evaluates; `judged`: somebody said or did something about it."""

    answer_id: str
    p_dissatisfied: float
    judged: bool


class Review(Struct, frozen=True, kw_only=True):
    """One reviewer's word on one answer. `why`: what brought it into the queue. `person`: whose answer it is."""

    answer_id: str
    person: str
    reviewer: str
    why: Why
    verdict: Verdict
    p_dissatisfied: float


class Figures(Struct, frozen=True):
    """What verdicts say. `right`: share of right answers among the random ones that are in scope, mean over people.

    `agreement`: of reviewers among themselves; `with_users`: of reviewers with what users made known, over answers that
    were called right or wrong: users count as one more reviewer, who dislikes from p_dissatisfied .5.
    """

    reviews: int
    answers: int
    verdicts: dict[str, int]
    right: Interval | None
    people: int
    agreement: Agreement
    with_users: Agreement


def reviewers_wanted(answer_id: str) -> int:
    """How many people should look at an answer."""
    return 2 if unit_draw("reviewed twice", answer_id) < TWICE_SHARE else 1


def queue(answers: Sequence[Reviewable], seen: Mapping[str, int], day: str, size: int) -> dict[str, Why]:
    """At most `size` answers to look at on a day (ISO 8601), in order, each with why; `seen`: reviewers so far."""
    open_ones = [one for one in answers if seen.get(one.answer_id, 0) < reviewers_wanted(one.answer_id)]
    drawn = sorted(open_ones, key=lambda one: unit_draw("review", day, one.answer_id))
    chosen: dict[str, Why] = {one.answer_id: "random" for one in drawn[: round(size * _RANDOM)]}
    rest = [one for one in drawn if one.answer_id not in chosen]
    disliked = [one for one in rest if one.judged and one.p_dissatisfied > _EVEN]
    chosen |= dict.fromkeys([one.answer_id for one in disliked[: round(size * _DISLIKED)]], "disliked")
    rest = [one for one in rest if one.answer_id not in chosen]
    unsure = sorted(rest, key=lambda one: abs(one.p_dissatisfied - _EVEN))  # stable: of equals the drawn order
    chosen |= dict.fromkeys([one.answer_id for one in unsure[: size - len(chosen)]], "unsure")
    return chosen


def verdict_of(marks: Iterable[Mark]) -> Verdict:
    """What marks by criterion come to."""
    given = set(marks)
    return "wrong" if "no" in given else "unsure" if "unsure" in given else "right"


def out_of_scope(reviews: Iterable[Review]) -> frozenset[str]:
    """Answers of which most reviewers say that they should not have been asked for."""
    said = Counter[str]()
    for review in reviews:
        said[review.answer_id] += 1 if review.verdict == "out_of_scope" else -1
    return frozenset(answer for answer, balance in said.items() if balance > 0)


def figures(reviews: Sequence[Review]) -> Figures:
    """What all reviews say together."""
    decided = [review for review in reviews if review.verdict in ("right", "wrong")]
    users = {(review.answer_id, "users"): review.p_dissatisfied <= _EVEN for review in decided}
    by_users = [(answer, who, "right" if liked else "wrong") for (answer, who), liked in users.items()]
    by_reviewers = [(review.answer_id, review.reviewer, review.verdict) for review in decided]
    owners = _shares([review for review in decided if review.why == "random"])
    return Figures(
        reviews=len(reviews),
        answers=len({review.answer_id for review in reviews}),
        verdicts=dict(sorted(Counter(review.verdict for review in reviews).items())),
        right=mean_interval(np.array(owners), _ALPHA) if owners else None,
        people=len(owners),
        agreement=agreement((review.answer_id, review.reviewer, review.verdict) for review in reviews),
        with_users=agreement([*by_reviewers, *by_users]),
    )


def _shares(reviews: Iterable[Review]) -> list[float]:
    """Share of right verdicts by person, in an order that knows nothing of them, as the interval needs it."""
    by_person = defaultdict[str, list[bool]](list)
    for review in reviews:
        by_person[review.person].append(review.verdict == "right")
    return [
        float(np.mean(by_person[person])) for person in sorted(by_person, key=lambda person: unit_draw("order", person))
    ]
