"""How good log-odds of dissatisfaction are: discrimination and calibration, with 95 % intervals.

In: log-odds and labels of answers, the conversation of each. Out: figures. Intervals resample conversations, since
answers of one are alike. Calibration is measured as an application meets it: 200 labelled answers of it re-estimate
what its words say (`feedback.reestimate`), and the others judge.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from sklearn.metrics import f1_score, precision_recall_curve, roc_auc_score

from feedback.bias.logistic import sigmoid
from feedback.reestimate import Rated, reestimate
from feedback.statistics import Floats
from feedback.taxonomy import weights

_DRAWS: Final = 300
CALIBRATION_LABELS: Final = 200
_BINS: Final = 10
"""Of equal numbers of answers, in the calibration error."""
_REPEATS: Final = 20
"""Draws of the labelled answers: which 200 they are matters more than how many others there are."""


class Figure(Struct, frozen=True):
    """A figure and its 95 % interval."""

    value: float
    low: float
    high: float


class Bin(Struct, frozen=True):
    """Answers of like probability: how many, the mean of the probabilities, and the share that was disliked."""

    n: int
    predicted: float
    observed: float


class Quality(Struct, frozen=True):
    """Of one system's answers, calibration errors before and after the labels for it, which choose f1's threshold.

    By chance: the error that probabilities would have by these bins and answers if they were exactly right.
    `reliability`: the bins behind the error of one draw of labels.
    """

    corpus: str
    system: str
    n: int
    dissatisfied: int
    auc: Figure
    f1: float
    calibration_error_raw: float
    calibration_error: float
    calibration_error_by_chance: float
    reliability: list[Bin]


def quality(corpus: str, system: str, z: Floats, y: Floats, unit: NDArray[np.int64], seed: int) -> Quality | None:
    """z: log-odds [n]. y: 0..1 [n], dissatisfied above a half. None where all are of one kind."""
    positive = y > 0.5
    if len(set(positive.tolist())) < 2:
        return None
    draw = np.random.default_rng(seed)
    raw, after, chance, f1, bins = _calibrations(z, positive, unit, draw)
    return Quality(
        corpus=corpus,
        system=system,
        n=len(y),
        dissatisfied=int(positive.sum()),
        auc=_interval(lambda rows: float(roc_auc_score(positive[rows], z[rows])), positive, unit, draw),
        f1=f1,
        calibration_error_raw=raw,
        calibration_error=after,
        calibration_error_by_chance=chance,
        reliability=bins,
    )


def _interval(
    figure: Callable[[NDArray[np.int64]], float],
    positive: NDArray[np.bool_],
    unit: NDArray[np.int64],
    draw: np.random.Generator,
) -> Figure:
    members = [np.flatnonzero(unit == each) for each in np.unique(unit)]
    found = list[float]()
    while len(found) < _DRAWS:
        rows = np.concatenate([members[n] for n in draw.integers(len(members), size=len(members))])
        if positive[rows].any() and not positive[rows].all():
            found.append(figure(rows))
    low, high = np.quantile(found, [0.025, 0.975])
    return Figure(figure(np.arange(len(positive))), float(low), float(high))


def calibration_error(p: Floats, positive: NDArray[np.bool_]) -> float:
    """Expected calibration error over bins of equal size (Naeini et al., AAAI 2015), 0..1."""
    return sum(one.n * abs(one.predicted - one.observed) for one in _bins(p, positive)) / len(p)


def _bins(p: Floats, positive: NDArray[np.bool_]) -> list[Bin]:
    parts = np.array_split(np.argsort(p, kind="stable"), _BINS)
    return [Bin(len(part), float(p[part].mean()), float(positive[part].mean())) for part in parts if len(part)]


def _calibrations(
    z: Floats, positive: NDArray[np.bool_], unit: NDArray[np.int64], draw: np.random.Generator
) -> tuple[float, float, float, float, list[Bin]]:
    """Calibration error as it is, after 200 labels and by chance, and F1 after them: means over draws of the labels.

    And the bins of the last draw.
    """
    raw, labels = calibration_error(sigmoid(z), positive), min(CALIBRATION_LABELS, len(z) // 2)
    errors, chances, scores, bins = list[float](), list[float](), list[float](), list[Bin]()
    for _ in range(_REPEATS):
        labelled, others = np.split(draw.permutation(len(z)), [labels])
        if len(set(positive[labelled].tolist())) < 2 or not positive[others].any():
            continue
        p = _reestimated(z, positive, unit, labelled)
        errors.append(calibration_error(p[others], positive[others]))
        bins = _bins(p[others], positive[others])
        chances.append(calibration_error(p[others], draw.random(len(others)) < p[others]))
        threshold = _best_threshold(p[labelled], positive[labelled])
        scores.append(float(f1_score(positive[others], p[others] >= threshold)))
    return raw, float(np.mean(errors)), float(np.mean(chances)), float(np.mean(scores)), bins


def _reestimated(
    z: Floats, positive: NDArray[np.bool_], unit: NDArray[np.int64], labelled: NDArray[np.int64]
) -> Floats:
    """Probabilities of dissatisfaction, as an application that has these labels would give them."""
    rated = [
        Rated(bool(positive[row]), True, str(unit[row]), 0.0, None, float(z[row]), {}) for row in labelled.tolist()
    ]
    found = reestimate(rated, weights({})).others
    return sigmoid(found.base + found.words * z)


def _best_threshold(p: Floats, positive: NDArray[np.bool_]) -> float:
    """The probability from which calling an answer disliked gives the best F1."""
    precision, recall, thresholds = precision_recall_curve(positive, p)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return float(thresholds[np.argmax(f1[:-1])])
