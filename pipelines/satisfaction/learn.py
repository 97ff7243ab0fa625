"""Training of the model of dissatisfaction.

In: labelled conversations and an encoder. Out: a folder that `DissatisfactionModel.load` reads. Seeded: the same
corpora, encoder and seed give the same arrays.
"""

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier

from feedback.dissatisfaction.encoder import Encoder
from feedback.dissatisfaction.model import described
from feedback.dissatisfaction.trees import Trees
from feedback.statistics import Floats
from pipelines.satisfaction.corpora import Labelled

_SETTINGS: Final = {
    "n_estimators": 400,
    "learning_rate": 0.02,
    "max_leaf_nodes": 4,
    "min_samples_leaf": 40,
    "max_features": 0.15,
    "subsample": 0.7,
}
"""Small trees, each of few features, each leaf of many answers: chosen by the systems of DBDC3, which do not train."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Answers of labelled conversations, in order. x: float64 [n, features]. unit: int64 [n], the conversation of each.

    y: float64 [n], 0..1; NaN for an answer that nobody labelled.
    """

    names: tuple[str, ...]
    x: Floats
    y: Floats
    unit: "np.ndarray[tuple[int], np.dtype[np.int64]]"
    system: "np.ndarray[tuple[int], np.dtype[np.str_]]"

    @property
    def labelled(self) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
        """Which answers have a label, bool [n]."""
        return ~np.isnan(self.y)


def rows_of(conversations: Iterable[Labelled], encoder: Encoder) -> Rows:
    """Features of every answer of a conversation with labels."""
    names, x, y, unit, system = tuple[str, ...](), list[Floats](), list[float](), list[int](), list[str]()
    for number, conversation in enumerate(conversations):
        if not conversation.dissatisfied:
            continue
        said = conversation.messages
        found = described(said, encoder)
        names = tuple(found)
        table = np.stack([found[name] for name in names], axis=1)
        for row, place in zip(table, (n for n, (role, _) in enumerate(said) if role == "assistant"), strict=True):
            x.append(row)
            y.append(conversation.dissatisfied.get(place, np.nan))
            unit.append(number)
            system.append(conversation.system)
    return Rows(names, np.array(x), np.array(y), np.array(unit), np.array(system))


def fit(parts: Sequence[Rows], seed: int) -> Trees:
    """Trees on all labelled answers of `parts`. A label between 0 and 1 counts in part for either side.

    Their mean log-odds over what they were trained on is 0: how often people are dissatisfied differs by application.
    """
    x = np.concatenate([part.x[part.labelled] for part in parts])
    y = np.concatenate([part.y[part.labelled] for part in parts])
    both, sides, weights = np.concatenate([x, x]), np.repeat([1, 0], len(y)), np.concatenate([y, 1 - y])
    counts = weights > 0
    learner = GradientBoostingClassifier(**_SETTINGS, random_state=seed)
    learner.fit(both[counts], sides[counts], sample_weight=weights[counts])
    trees = _arrays(learner)
    return Trees(
        trees.feature, trees.threshold, trees.left, trees.right, trees.value,
        base=-float(trees.log_odds(x).mean()), depth=trees.depth,
    )  # fmt: skip


def _arrays(learner: GradientBoostingClassifier) -> Trees:
    grown = [estimator.tree_ for estimator in learner.estimators_[:, 0]]
    nodes = max(tree.node_count for tree in grown)
    itself = np.tile(np.arange(nodes, dtype=np.int32), (len(grown), 1))
    feature, threshold = np.zeros(itself.shape, np.int32), np.full(itself.shape, np.inf)
    left, right, value = itself.copy(), itself.copy(), np.zeros(itself.shape)
    for n, tree in enumerate(grown):
        inner = tree.children_left >= 0
        here = np.flatnonzero(inner)
        feature[n, here], threshold[n, here] = tree.feature[inner], tree.threshold[inner]
        left[n, here], right[n, here] = tree.children_left[inner], tree.children_right[inner]
        value[n, : tree.node_count] = tree.value[:, 0, 0] * learner.learning_rate
    return Trees(feature, threshold, left, right, value, base=0.0, depth=max(tree.max_depth for tree in grown))


def save(folder: Path, names: Sequence[str], trees: Trees, encoder_from: Path, trained_on: Mapping[str, int]) -> None:
    """Write a model of answers beside the encoder of another."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("encoder.npz", "tokenizer.json"):
        if encoder_from.resolve() != folder.resolve():
            shutil.copyfile(encoder_from / name, folder / name)
    arrays = {name: getattr(trees, name) for name in ("feature", "threshold", "left", "right", "value")}
    np.savez_compressed(folder / "trees.npz", **arrays)
    about = {"features": list(names), "base": trees.base, "depth": trees.depth, "trained_on": dict(trained_on)}
    (folder / "model.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
