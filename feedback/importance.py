"""Importance: an example is worth more where the model fails requests like it, or where nobody knows whether it does.

In: examples, each with its quality and the topic of its request, and what people said of the model's answers by topic.
Out: a weight for each example. The rate at which a topic's answers displease has a Beta posterior, whose prior is the
rate of all topics:

    m = (d + s p) / (n + s)        need = m + sqrt(m (1 - m) / (n + s + 1))

d is the weight of what was disliked and n of all that was said of the topic, p the overall rate (Jeffreys' prior), s
the weight of the prior. Need is the posterior's mean and one standard deviation: of topics with one rate the less
known counts more (Auer 2002, "Using confidence bounds for exploitation-exploration trade-offs"). Training starts from
the base model each time, so failures alone would no longer teach what the model can do: a share a of all weight is
quality alone (a defensive mixture, Hesterberg 1995, "Weighted average importance sampling and defensive mixture
distributions"):

    weight = quality (a + (1 - a) need / mean need), the mean weighted by quality

Pure, and independent of order: sums are exact.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

_DEFENSIVE_SHARE: Final = 0.75
"""Of all weight, which need does not touch. With 0.5 a set of a few examples a topic taught less than without
importance: `tests/bench/bench_importance.py`, "half"."""
_PRIOR_WEIGHT: Final = 4.0
"""Sure judgements that the overall rate counts as: of a topic with as many, half of the rate is its own."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What somebody said of an answer: the topic of the request, whether they disliked it, how sure that is."""

    topic: int
    disliked: bool
    weight: float


@dataclass(frozen=True, slots=True)
class Example:
    """The topic of its request, and its quality: how sure its label is."""

    topic: int
    quality: float


def weighted(examples: Sequence[Example], judgements: Iterable[Judgement]) -> list[float]:
    """The weight of each example: its quality times its importance."""
    need = _Need(judgements)
    needs = [need.of(example.topic) for example in examples]
    quality = math.fsum(example.quality for example in examples)
    if not quality:
        return [0.0] * len(examples)
    mean = math.fsum(example.quality * of_topic for example, of_topic in zip(examples, needs, strict=True)) / quality
    return [
        example.quality * (_DEFENSIVE_SHARE + (1 - _DEFENSIVE_SHARE) * of_topic / mean)
        for example, of_topic in zip(examples, needs, strict=True)
    ]


class _Need:
    """How likely the answers of a topic displease: mean and one standard deviation."""

    def __init__(self, judgements: Iterable[Judgement]) -> None:
        said = defaultdict[tuple[int, bool], list[float]](list)
        for judgement in judgements:
            said[judgement.topic, judgement.disliked].append(judgement.weight)
        self._said = {key: math.fsum(weights) for key, weights in said.items()}
        disliked = math.fsum(total for (_, is_disliked), total in self._said.items() if is_disliked)
        self._overall = (disliked + 0.5) / (math.fsum(self._said.values()) + 1)

    def of(self, topic: int) -> float:
        disliked, liked = self._said.get((topic, True), 0.0), self._said.get((topic, False), 0.0)
        known = disliked + liked + _PRIOR_WEIGHT
        rate = (disliked + _PRIOR_WEIGHT * self._overall) / known
        return rate + math.sqrt(rate * (1 - rate) / (known + 1))
