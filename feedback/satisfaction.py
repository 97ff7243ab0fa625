"""How likely a person was dissatisfied with an answer.

In: the signals about one answer, and by how much what both sides wrote moves the log-odds (`feedback.dissatisfaction`;
0 where no words may be read: consent, language). Out: a probability. The log-odds of a stated prior are moved by words
and each signal:

    logit p = logit PRIOR_DISSATISFIED + words - sum of polarity * strength * logit(confidence)

that is naive Bayes with each signal's likelihood ratio confidence / (1 - confidence), tempered by its strength. Of
several signals of one kind only the one that says most counts: a thumb pressed twice is one judgement.

Satisfaction with a conversation starts from the mean of its answers, and is moved in the same way by what is said about
all of it, and by the conversation as a whole (`feedback.dissatisfaction.whole`).
"""

import math
from collections.abc import Iterable, Sequence
from typing import Final

from feedback.signal import Signal

PRIOR_DISSATISFIED: Final = 0.3
"""Share of answers people are dissatisfied with before anything is known about them: an assumption, to be measured."""

_BOUNDS: Final = (0.01, 0.99)
"""Signals never make us certain."""


def p_dissatisfied(signals: Iterable[Signal], words: float = 0.0) -> float:
    """Probability that the person was dissatisfied with the answer that all `signals` are about, 0.01..0.99."""
    return _bounded(_sigmoid(_logit(PRIOR_DISSATISFIED) + words - evidence(signals)))


def satisfaction(dissatisfied: Sequence[float], about_all: Iterable[Signal], words: float = 0.0) -> float:
    """Satisfaction with a conversation, 0.01..0.99: the mean over its answers, moved by what is said about all of it.

    dissatisfied: `p_dissatisfied` of each answer; without any, the prior. about_all: signals about the conversation.
    words: log-odds, what the conversation as a whole adds (`feedback.dissatisfaction.whole`).
    """
    mean = math.fsum(dissatisfied) / len(dissatisfied) if dissatisfied else PRIOR_DISSATISFIED
    return _bounded(_sigmoid(_logit(1 - mean) + words + evidence(about_all)))


def evidence(signals: Iterable[Signal]) -> float:
    """Log-odds in favour of satisfaction: one contribution per kind, the largest in absolute value."""
    by_kind = dict[str, float]()
    for signal in signals:
        says = signal.polarity * signal.strength * _logit(signal.confidence)
        # The tie-break on the signed value keeps the result independent of the order of the signals.
        by_kind[signal.kind] = max(by_kind.get(signal.kind, 0.0), says, key=lambda value: (abs(value), value))
    return math.fsum(by_kind.values())


def _logit(p: float) -> float:
    low, high = _BOUNDS
    p = min(max(p, low), high)
    return math.log(p / (1 - p))


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def _bounded(p: float) -> float:
    low, high = _BOUNDS
    return min(max(p, low), high)
