"""What an application's own explicit labels say about how much its other signals are worth.

In: answers that people judged explicitly, and what else is known of them. Out: a calibration for each language. Few
labels move little: estimates are those of greatest posterior probability,

    logit P(disliked) = base + unasked + words * shift - sum over kinds of polarity * strength * logit(confidence)

    base ~ N(stated, 1)    words ~ N(stated, 0.5^2)    strength * logit(confidence) ~ N(stated, 0.5^2)

    unasked ~ N(0, 2^2) where nobody had asked the person to judge, 0 elsewhere

that is logistic regression, shrunk towards what was stated before any label, for the formula by which answers are
judged (`feedback.satisfaction`). Languages are estimated towards what all others say, and those towards the taxonomy.

Who judges unasked is not like who does not (`feedback.bias.response`): `unasked` takes what sets them apart, so `base`
is that of people who were asked, and stays near what was stated where nobody was.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import expit

from feedback.calibration import STATED, Calibration, Calibrations
from feedback.likeliest import likeliest
from feedback.satisfaction import log_odds
from feedback.statistics import Floats
from feedback.taxonomy import Weights
from schemas.languages import Language
from schemas.signals import SignalKind

_BASE_SPREAD: Final = 1.0
"""Log-odds: shares of 14 to 54 % around the stated 30 %, as those of published corpora are."""
_UNASKED_SPREAD: Final = 2.0
"""Log-odds: one disliked answer in fifty may be half of those that people judge of their own accord."""
_WORDS_SPREAD: Final = 0.5
"""Half of what the model says, or one and a half times it, would be no surprise; its opposite would."""
_KIND_SPREAD: Final = 0.5
"""Log-odds by which a kind of signal moves an answer: stated ones are 0.04 to 2, most of them below 1."""
_LABELS_OF_A_PERSON: Final = 20.0
"""What all labels of one person weigh together at most: nobody decides alone what a signal is worth."""
_HALF_LIFE_DAYS: Final = 30.0
"""After which a label counts half: it judged an answer of the model of its time, and releases come by the month. A
choice, not a measurement: it takes labels of one application over many releases."""
_MIN_LABELS: Final = 50
"""Of a language, before it is estimated apart from the others."""
_CONFIDENCES: Final = (0.51, 0.99)
"""A kind that says nothing keeps a little: it may not turn around, and a rule's doubt can be told from the kind's."""
_DECIMALS: Final = 3
"""Kept: machines differ in the last bits."""


@dataclass(frozen=True, slots=True)
class Rated:
    """An answer that its `person` judged explicitly, `age` days before the newest; `asked`, if they had been asked.

    `shift`: log-odds by the model of words. `evidence`: log-odds in favour of satisfaction that each kind of signal
    that nobody gave on purpose contributes, under the stated weights; one that is stated to say nothing says nothing.
    """

    disliked: bool
    asked: bool
    person: str
    age: float
    language: Language | None
    shift: float
    evidence: Mapping[SignalKind, float]


def reestimate(rated: Sequence[Rated], stated: Weights) -> Calibrations:
    """The calibrations that `rated` speak for; `stated` are the weights without any."""
    counts = Counter(one.language for one in rated if one.language)
    own = sorted(language for language, count in counts.items() if count >= _MIN_LABELS)
    return Calibrations(
        others=_estimate(rated, STATED.others, stated),
        languages={
            language: _estimate(
                [one for one in rated if one.language == language],
                _estimate([one for one in rated if one.language != language], STATED.others, stated),
                stated,
            )
            for language in own
        },
    )


def _estimate(rated: Sequence[Rated], before: Calibration, stated: Weights) -> Calibration:
    """What `rated` say where `before` is what was believed without them."""
    if not rated:
        return before
    kinds = sorted({kind for one in rated for kind, says in one.evidence.items() if says})
    believed = before.apply(stated)
    says = [[-one.evidence.get(kind, 0.0) / log_odds(stated[kind].confidence) for one in rated] for kind in kinds]
    unasked, shifts = [not one.asked for one in rated], [one.shift for one in rated]
    base, _, words, *found = likeliest(
        design=np.column_stack([np.ones(len(rated)), unasked, shifts, *says]),
        outcomes=np.array([float(one.disliked) for one in rated]),
        counts=_shares(rated),
        expected=np.array([before.base, 0.0, before.words, *(log_odds(believed[kind].confidence) for kind in kinds)]),
        spread=np.array(
            [_BASE_SPREAD, _UNASKED_SPREAD, _WORDS_SPREAD, *(_KIND_SPREAD / stated[kind].strength for kind in kinds)]
        ),
        bounds=[(None, None), (None, None), (0.0, None), *[tuple(map(log_odds, _CONFIDENCES))] * len(kinds)],
    )
    return Calibration(
        base=round(base, _DECIMALS),
        words=round(words, _DECIMALS),
        confidences=before.confidences | dict(zip(kinds, map(_confidence, found), strict=True)),
        labels=len(rated),
    )


def _confidence(found: float) -> float:
    """Of log-odds."""
    return round(float(expit(found)), _DECIMALS)


def _shares(rated: Sequence[Rated]) -> Floats:
    """How many labels each label counts for, float64 [n]."""
    fresh = [0.5 ** (one.age / _HALF_LIFE_DAYS) for one in rated]
    of_person = Counter[str]()
    for one, share in zip(rated, fresh, strict=True):
        of_person[one.person] += share
    return np.array(
        [share * min(1.0, _LABELS_OF_A_PERSON / of_person[one.person]) for one, share in zip(rated, fresh, strict=True)]
    )
