"""How likely a person was dissatisfied with an answer.

In: the signals about one answer, and by how much what both sides wrote moves the log-odds (`feedback.dissatisfaction`;
0 where no words may be read: consent, language). Out: a probability. The log-odds before anything is known are moved by
words and signals:

    logit p = base + words - sum of polarity * strength * logit(confidence)

that is naive Bayes with each signal's likelihood ratio confidence / (1 - confidence), tempered by its strength. Of
several signals of one kind only the one that says most counts: a thumb pressed twice is one judgement.

Satisfaction with a conversation starts from the mean of its answers, and is moved in the same way by what is said about
all of it, and by the conversation as a whole (`feedback.dissatisfaction.whole`).
"""

import math
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from schemas.signals import Polarity, SignalKind

PRIOR_DISSATISFIED: Final = 0.3
"""Share of answers people are dissatisfied with before anything is known: an assumption, until an application's labels
say otherwise (`feedback.calibration`)."""
BASE: Final = math.log(PRIOR_DISSATISFIED / (1 - PRIOR_DISSATISFIED))
"""Its log-odds."""

_BOUNDS: Final = (0.01, 0.99)
"""Signals never make us certain."""


class Says(Protocol):
    """What of a signal counts here."""

    @property
    def kind(self) -> SignalKind:
        """Of several of one kind, one counts."""

    @property
    def polarity(self) -> Polarity:
        """-1 dissatisfied, 1 satisfied."""

    @property
    def strength(self) -> float:
        """0..1."""

    @property
    def confidence(self) -> float:
        """0.5..1."""


def log_odds(p: float) -> float:
    """Log-odds of a probability, which is taken as 0.01..0.99."""
    p = _bounded(p)
    return math.log(p / (1 - p))


def p_dissatisfied(signals: Iterable[Says], words: float = 0.0, base: float = BASE) -> float:
    """Probability that the person was dissatisfied with the answer that all `signals` are about, 0.01..0.99."""
    return _bounded(_sigmoid(base + words - evidence(signals)))


def satisfaction(dissatisfied: Sequence[float], about_all: Iterable[Says], words: float = 0.0) -> float:
    """Satisfaction with a conversation, 0.01..0.99: the mean over its answers, moved by what is said about all of it.

    dissatisfied: `p_dissatisfied` of each answer; without any, the prior. about_all: signals about the conversation.
    words: log-odds, what the conversation as a whole adds (`feedback.dissatisfaction.whole`).
    """
    mean = math.fsum(dissatisfied) / len(dissatisfied) if dissatisfied else PRIOR_DISSATISFIED
    return _bounded(_sigmoid(log_odds(1 - mean) + words + evidence(about_all)))


def evidence(signals: Iterable[Says]) -> float:
    """Log-odds in favour of satisfaction, of all kinds together."""
    return math.fsum(evidence_by_kind(signals).values())


def evidence_by_kind(signals: Iterable[Says]) -> dict[SignalKind, float]:
    """Log-odds in favour of satisfaction that each kind contributes: the largest in absolute value."""
    by_kind = dict[SignalKind, float]()
    for signal in signals:
        says = signal.polarity * signal.strength * log_odds(signal.confidence)
        # The tie-break on the signed value keeps the result independent of the order of the signals.
        by_kind[signal.kind] = max(by_kind.get(signal.kind, 0.0), says, key=lambda value: (abs(value), value))
    return by_kind


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def _bounded(p: float) -> float:
    low, high = _BOUNDS
    return min(max(p, low), high)
