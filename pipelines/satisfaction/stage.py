"""Train the model of dissatisfaction, and measure it on corpora and systems that it has not seen.

In: a folder of corpora (`pipelines.satisfaction.corpora`). Out: a folder of weights; or a table of figures, for the
weights in use and for weights trained by the same steps on all the other corpora.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from msgspec import Struct

from feedback.dissatisfaction.encoder import Encoder, load_encoder
from feedback.dissatisfaction.model import DissatisfactionModel, version_of, with_neighbours
from feedback.dissatisfaction.trees import Trees
from feedback.dissatisfaction.whole import UNTRAINED, WholeModel
from pipelines.satisfaction.corpora import Labelled, app_type_of, load, may_be_shipped
from pipelines.satisfaction.learn import Rows, fit, rows_of, save
from pipelines.satisfaction.measure import Quality, quality
from pipelines.satisfaction.whole import Whole, fit_whole, measure_whole, save_whole, whole_rows
from schemas.errors import UsageError

TRAINS: tuple[str, ...] = ("conture", "ab_redial")
"""What shipped weights are trained on. The licences of IARD and Topical-Chat would allow it; but the first labels what
people mean, not answers, and the second has one bad answer in a hundred: with either, others are judged worse."""


class Trained(Struct, frozen=True):
    """What was trained: answers and conversations by corpus; whether all licences let the weights be shipped."""

    version: str
    folder: str
    answers: dict[str, int]
    conversations: dict[str, int]
    may_be_shipped: bool


class Measured(Struct, frozen=True):
    """Figures by system: `weights` of the model measured, `left_out` of weights trained on all other corpora.

    `conversations`: of satisfaction with whole ones; corpora that trained the weights by weights trained without them.
    """

    version: str
    weights: list[Quality]
    left_out: list[Quality]
    conversations: list[Whole]


def train(
    data: Path,
    output: Path,
    names: Sequence[str],
    encoder_from: Path,
    seed: int,
    tell: Callable[[str], None],
) -> Trained:
    """Train on the corpora named. Raises UsageError."""
    encoder = load_encoder(encoder_from)
    loaded = load(data, names)
    rows = _rows(loaded, encoder, tell)
    if not rows:
        raise UsageError(f"none of {', '.join(names)} has labelled answers")
    tell("trees")
    trees = fit(list(rows.values()), seed)
    answers = {name: int(part.labelled.sum()) for name, part in rows.items()}
    columns = next(iter(rows.values())).names
    save(output, columns, trees, encoder_from, answers)
    tell("whole conversations")
    whole = _whole(loaded, DissatisfactionModel("unnamed", frozenset(answers), encoder, columns, trees, UNTRAINED))
    save_whole(output, whole)
    return Trained(version_of(output), str(output), answers, dict(whole.trained_on), may_be_shipped(answers))


def evaluate(data: Path, weights: Path, seed: int, tell: Callable[[str], None]) -> Measured:
    """Measure weights on every corpus that did not train them, and leave each corpus out in turn. Raises UsageError."""
    model = DissatisfactionModel.load(weights)
    loaded = load(data, None)
    rows = _rows(loaded, model.encoder, tell)
    left_out = list[Quality]()
    for name, part in rows.items():
        if others := [other for each, other in rows.items() if each != name]:
            tell(f"trees without {name}")
            left_out += _by_system(name, part, fit(others, seed), seed)
    wholes = [each for name in loaded for each in _wholes(name, loaded, rows, model, seed, tell)]
    return Measured(model.version, _unseen(rows, model, seed), left_out, wholes)


def measure(data: Path, model: DissatisfactionModel, seed: int, tell: Callable[[str], None]) -> list[Quality]:
    """Figures of a model on every corpus that did not train it. Raises UsageError."""
    return _unseen(_rows(load(data, None), model.encoder, tell), model, seed)


def _unseen(rows: Mapping[str, Rows], model: DissatisfactionModel, seed: int) -> list[Quality]:
    unseen = {name: part for name, part in rows.items() if name not in model.trained_on}
    return [each for name, part in unseen.items() for each in _by_system(name, part, model.trees, seed)]


def _whole(loaded: Mapping[str, Sequence[Labelled]], model: DissatisfactionModel) -> WholeModel:
    found = {name: whole_rows(conversations, app_type_of(name), model) for name, conversations in loaded.items()}
    parts = {name: part for name, part in found.items() if part}
    return fit_whole(list(parts.values()), {name: int(part.whole.sum()) for name, part in parts.items()})


def _wholes(
    name: str,
    loaded: Mapping[str, Sequence[Labelled]],
    rows: Mapping[str, Rows],
    model: DissatisfactionModel,
    seed: int,
    tell: Callable[[str], None],
) -> Iterator[Whole]:
    """By the model; one that the corpus trained, by the same steps on what else trained it, if anything did."""
    tell(f"whole conversations of {name}")
    if name in model.trained_on | set(model.whole.trained_on):
        others = [each for each in sorted(model.trained_on) if each != name and each in rows]
        if not others:
            return
        trees = fit([rows[each] for each in others], seed)
        model = replace(model, trees=trees, whole=UNTRAINED)
        model = replace(model, whole=_whole({each: loaded[each] for each in others}, model))
    yield from measure_whole(name, loaded[name], app_type_of(name), model, seed)


def _rows(loaded: Mapping[str, Sequence[Labelled]], encoder: Encoder, tell: Callable[[str], None]) -> dict[str, Rows]:
    found = dict[str, Rows]()
    for name, conversations in loaded.items():
        tell(f"{name}: {len(conversations)} conversations")
        part = rows_of(conversations, encoder)
        if part.labelled.any():
            found[name] = part
    return found


def _by_system(corpus: str, part: Rows, trees: Trees, seed: int) -> Iterator[Quality]:
    z = trees.log_odds(part.x)
    for each in np.unique(part.unit):
        z[part.unit == each] = with_neighbours(z[part.unit == each])
    for system in np.unique(part.system).tolist():
        of = (part.system == system) & part.labelled
        if found := quality(corpus, system, z[of], part.y[of], part.unit[of], seed):
            yield found
