"""Training and measuring what a whole conversation says beyond its answers.

In: conversations with one label each, and a model of answers. Out: the numbers that `WholeModel.load` reads; and
figures. Corpora hold conversations that ran their course, but people who are displeased leave: so each conversation is
also learned from as it stood after each of its messages, as one that ended there. How satisfied its person would have
been is not known; the label is its rank among the labels of its corpus times the share of it that was had. The
satisfaction that the answers alone give is held fixed (an offset), so the terms are what they leave open.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, Literal

import numpy as np
from feedwheel_capture.vocabulary import AppType
from msgspec import Struct
from scipy.stats import rankdata

from feedback.dissatisfaction.features import Exchange
from feedback.dissatisfaction.model import DissatisfactionModel
from feedback.dissatisfaction.whole import FILE, UNTRAINED, Term, WholeModel, counts, whole_features
from feedback.judge import Judge
from feedback.likeliest import likeliest
from feedback.satisfaction import log_odds
from feedback.statistics import Floats
from feedback.taxonomy import weights
from feedback.transcript import Message, Transcript, score
from pipelines.satisfaction.corpora import Labelled
from pipelines.satisfaction.measure import Quality, quality

Split = Literal["4 or more against 2 or less", "above the median"]
"""Which conversations are told apart: of 1 to 5, leaving out what is between; or all, at the middle."""

_RIDGE: Final = 1e-3
"""Of the squared weights, where all rows together weigh 1: what keeps a feature that never differs finite, no more."""
_COLUMNS: Final = ("x", "y", "offset", "whole")
_LEAST_OF_A_KIND: Final = 20
"""Conversations of either kind from which a split is measured."""
_FEWEST_ABOVE: Final = 0.2
"""Share of conversations above the median from which it splits them; else those at it are above it as well."""


class Whole(Struct, frozen=True):
    """How well satisfaction tells the conversations of a system apart."""

    split: Split
    quality: Quality


@dataclass(frozen=True, slots=True, eq=False)
class WholeRows:
    """Beginnings of conversations. x: float64 [n, features]. y: float64 [n], 0..1.

    share: float64 [features], how much of each counts in this corpus. offset: float64 [n], log-odds by the answers
    alone. weight: float64 [n], 1 in all. whole: bool [n], those that ended.
    """

    names: tuple[str, ...]
    share: Floats
    x: Floats
    y: Floats
    offset: Floats
    weight: Floats
    whole: "np.ndarray[tuple[int], np.dtype[np.bool_]]"


def satisfied(model: DissatisfactionModel, said: Exchange, app_type: AppType) -> float:
    """Log-odds of satisfaction with a conversation, as `feedwheel score` gives it."""
    transcript = Transcript("", [Message(role, text) for role, text in said])
    return log_odds(score(transcript, app_type, Judge(weights({}), model=model)).satisfaction)


def whole_rows(conversations: Sequence[Labelled], app_type: AppType, model: DissatisfactionModel) -> WholeRows | None:
    """Every beginning of every conversation with a label; None if there is none. Half the weight is the wholes'."""
    labelled = [each for each in conversations if each.satisfied is not None]
    if not labelled:
        return None
    ranks = (rankdata([each.satisfied for each in labelled]) - 0.5) / len(labelled)
    answers_alone = replace(model, whole=UNTRAINED)
    begun = [
        (each.messages[:n], n / len(each.messages), rank)
        for each, rank in zip(labelled, ranks, strict=True)
        for n in range(1, len(each.messages) + 1)
    ]
    found = [(whole_features(said), said, share, rank) for said, share, rank in begun]
    rows = [row for row in found if row[0]]
    names = tuple(rows[0][0])
    shares, ranked = np.array([row[2] for row in rows]), np.array([row[3] for row in rows])
    whole = shares == 1
    return WholeRows(
        names=names,
        share=np.array([counts(app_type).get(name, 1.0) for name in names]),
        x=np.array([list(row[0].values()) for row in rows]),
        y=ranked * shares,
        offset=np.array([satisfied(answers_alone, row[1], app_type) for row in rows]),
        weight=np.where(whole, 0.5 / whole.sum(), 0.5 / (~whole).sum()),
        whole=whole,
    )


def fit_whole(parts: Sequence[WholeRows], trained_on: dict[str, int]) -> WholeModel:
    """Logistic regression over all corpora, each of the same weight.

    Labels between 0 and 1 count in part for either side. The shift is 0 for the mean of conversations that ended.
    """
    if not parts:
        return UNTRAINED
    x, y, offset, whole = (np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS)
    weight = np.concatenate([part.weight for part in parts]) / len(parts)
    share = np.concatenate([np.tile(part.share, (len(part.y), 1)) for part in parts])
    means, deviations = np.average(x[whole], axis=0, weights=weight[whole]), x.std(axis=0)
    deviations[deviations == 0] = 1.0
    design = np.column_stack([np.ones(len(x)), share * (x - means) / deviations])
    spread = np.array([np.inf, *[_RIDGE**-0.5] * x.shape[1]])
    _, *found = likeliest(design, y, weight, np.zeros(len(spread)), spread, offset)
    numbers = zip(parts[0].names, means.tolist(), deviations.tolist(), found, strict=True)
    terms = {name: Term(*(round(each, 6) for each in term)) for name, *term in numbers}
    return WholeModel(terms, trained_on)


def save_whole(folder: Path, model: WholeModel) -> None:
    """Write it beside the model of answers."""
    (folder / FILE).write_text(json.dumps(asdict(model), indent=1) + "\n", encoding="utf-8")


def measure_whole(
    corpus: str, conversations: Sequence[Labelled], app_type: AppType, model: DissatisfactionModel, seed: int
) -> Iterator[Whole]:
    """How well the satisfaction with conversations, as `feedwheel score` gives it, goes with what people said."""
    labelled = [each for each in conversations if each.satisfied is not None]
    z = np.array([-satisfied(model, each.messages, app_type) for each in labelled])
    y = np.array([each.satisfied for each in labelled])
    system = np.array([each.system for each in labelled])
    for name in np.unique(system).tolist():
        for split, kept, displeased in _splits(y[system == name]):
            figures = quality(corpus, name, z[system == name][kept], displeased, np.arange(kept.sum()), seed)
            if figures:
                yield Whole(split, figures)


def _splits(y: Floats) -> Iterator[tuple[Split, "np.ndarray[tuple[int], np.dtype[np.bool_]]", Floats]]:
    """Which labels are kept, and which of those are displeased, 0 or 1."""
    high, low = y >= 0.75, y <= 0.25
    if min(high.sum(), low.sum()) >= _LEAST_OF_A_KIND:
        yield "4 or more against 2 or less", high | low, low[high | low].astype(float)
    above = y > np.median(y)
    if above.mean() < _FEWEST_ABOVE:
        above = y >= np.median(y)
    if min(above.sum(), (~above).sum()) >= _LEAST_OF_A_KIND:
        yield "above the median", np.ones(len(y), bool), (~above).astype(float)
