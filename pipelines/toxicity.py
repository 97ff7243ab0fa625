"""Train and measure the model of toxicity (`feedback.toxicity`).

In: a folder with the tweets of Davidson et al. (2017), `davidson_toxicity`, and texts of ordinary people and assistants
beside it, `banking77` and `oasst_sample`, which teach what is not toxic; HH-RLHF, `hh_rlhf`, is never trained on. Out:
a file of weights, and figures on the fifth of the tweets that did not train, and on texts of all kinds.
"""

import csv
import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from msgspec import Struct
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from feedback.toxicity.model import BUCKETS, ToxicityModel, features, passages
from schemas.errors import UsageError

_HELD_OUT: Final = 0.2
_NEITHER: Final = "2"
"""Class of tweets that most annotators found neither hateful nor offensive."""
_PENALTY: Final = 3.0
"""Inverse of the L2 penalty (C): the AUC on held-out tweets is flat from 1 to 10."""


class Flagged(Struct, frozen=True):
    """Of `texts` of one kind, the share above the threshold."""

    kind: str
    texts: int
    share: float


class Trained(Struct, frozen=True):
    """`auc` on `held_out` tweets; what a threshold flags."""

    version: str
    output: str
    trained_on: int
    held_out: int
    auc: float
    threshold: float
    flagged: list[Flagged]


def train(data: Path, output: Path, threshold: float, seed: int) -> Trained:
    """Train, write and measure. Raises UsageError if a corpus is not there."""
    try:
        tweets, toxic = _tweets(data)
        ordinary = [*_banking(data), *_oasst(data)]
        answers = _answers(data)
    except (OSError, KeyError) as error:
        raise UsageError(f"{data}: a corpus is missing or of another shape: {error}") from None
    held = np.random.default_rng(seed).random(len(tweets)) < _HELD_OUT
    texts = [tweets[n] for n in np.flatnonzero(~held)] + [part for text in ordinary for part in passages(text)]
    labels = np.concatenate([toxic[~held], np.zeros(len(texts) - int((~held).sum()), bool)])
    learner = LogisticRegression(C=_PENALTY, class_weight="balanced", max_iter=500).fit(_rows(texts), labels)
    np.savez_compressed(output, weights=learner.coef_[0].astype(np.float16), bias=np.float64(learner.intercept_[0]))
    model = ToxicityModel.load(output)
    scores = np.array([model.p_toxic(tweets[n]) for n in np.flatnonzero(held)])
    kinds: Mapping[str, Sequence[str]] = {
        "held-out tweets, hateful or offensive": [tweets[n] for n in np.flatnonzero(held & toxic)],
        "held-out tweets, neither": [tweets[n] for n in np.flatnonzero(held & ~toxic)],
        **answers,
    }
    return Trained(
        version=model.version,
        output=str(output),
        trained_on=len(texts),
        held_out=int(held.sum()),
        auc=float(roc_auc_score(toxic[held], scores)),
        threshold=threshold,
        flagged=[_flagged(model, kind, of, threshold) for kind, of in kinds.items()],
    )


def _flagged(model: ToxicityModel, kind: str, texts: Sequence[str], threshold: float) -> Flagged:
    found = [model.p_toxic(text) > threshold for text in texts]
    return Flagged(kind, len(texts), sum(found) / max(1, len(found)))


def _rows(texts: Sequence[str]) -> csr_matrix:
    """float64 [texts, BUCKETS], each row of length 1."""
    found = [features(text) for text in texts]
    values = np.concatenate([np.full(len(row), 1 / np.sqrt(max(1, len(row)))) for row in found])
    starts = np.cumsum([0, *map(len, found)])
    return csr_matrix((values, np.concatenate([np.array(row, int) for row in found]), starts), (len(texts), BUCKETS))


def _tweets(data: Path) -> tuple[list[str], np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    with (data / "davidson_toxicity" / "labeled_data.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["tweet"] for row in rows], np.array([row["class"] != _NEITHER for row in rows])


def _banking(data: Path) -> list[str]:
    with (data / "banking77" / "train.csv").open(encoding="utf-8", newline="") as file:
        return [row["text"] for row in csv.DictReader(file)]


def _oasst(data: Path) -> Iterator[str]:
    with (data / "oasst_sample" / "en_100_message.jsonl").open(encoding="utf-8") as lines:
        yield from (json.loads(line)["text"] for line in lines)


def _answers(data: Path) -> dict[str, list[str]]:
    found = dict[str, list[str]]()
    with gzip.open(data / "hh_rlhf" / "test.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            for kind, text in json.loads(line).items():
                answer = text.rsplit("\n\nAssistant:", 1)[-1].strip()
                found.setdefault(f"HH-RLHF harmless, {kind} answers", []).append(answer)
    return found
