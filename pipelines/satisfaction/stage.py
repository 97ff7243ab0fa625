"""Train the model of dissatisfaction, and measure it on corpora and systems that it has not seen.

In: a folder of corpora (`pipelines.satisfaction.corpora`). Out: a folder of weights; or a table of figures, for the
weights in use and for weights trained by the same steps on all the other corpora.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct

from feedback.dissatisfaction.encoder import Encoder, load_encoder
from feedback.dissatisfaction.model import DissatisfactionModel, with_neighbours
from feedback.dissatisfaction.trees import Trees
from pipelines.satisfaction.corpora import load, may_be_shipped
from pipelines.satisfaction.learn import Rows, fit, rows_of, save
from pipelines.satisfaction.measure import Quality, quality
from schemas.errors import UsageError

TRAINS: tuple[str, ...] = ("conture", "ab_redial")
"""What shipped weights are trained on. The licences of IARD and Topical-Chat would allow it; but the first labels what
people mean, not answers, and the second has one bad answer in a hundred: with either, others are judged worse."""


class Trained(Struct, frozen=True):
    """What was trained: answers by corpus, and whether the licences of all of them let the weights be shipped."""

    version: str
    folder: str
    answers: dict[str, int]
    may_be_shipped: bool


class Measured(Struct, frozen=True):
    """Figures by system: `weights` of the model measured, `left_out` of weights trained on all other corpora."""

    version: str
    weights: list[Quality]
    left_out: list[Quality]


def train(
    data: Path,
    output: Path,
    names: Sequence[str],
    encoder_from: Path,
    seed: int,
    tell: Callable[[str], None],
) -> Trained:
    """Train on the corpora named. Raises UsageError."""
    rows = _read(data, names, load_encoder(encoder_from), tell)
    if not rows:
        raise UsageError(f"none of {', '.join(names)} has labelled answers")
    tell("trees")
    trees = fit(list(rows.values()), seed)
    answers = {name: int(part.labelled.sum()) for name, part in rows.items()}
    columns = next(iter(rows.values())).names
    return Trained(save(output, columns, trees, encoder_from, answers), str(output), answers, may_be_shipped(answers))


def evaluate(data: Path, weights: Path, seed: int, tell: Callable[[str], None]) -> Measured:
    """Measure weights on every corpus that did not train them, and leave each corpus out in turn. Raises UsageError."""
    model = DissatisfactionModel.load(weights)
    rows = _read(data, None, model.encoder, tell)
    left_out = list[Quality]()
    for name, part in rows.items():
        if others := [other for each, other in rows.items() if each != name]:
            tell(f"trees without {name}")
            left_out += _by_system(name, part, fit(others, seed), seed)
    unseen = {name: part for name, part in rows.items() if name not in model.trained_on}
    return Measured(
        model.version,
        [each for name, part in unseen.items() for each in _by_system(name, part, model.trees, seed)],
        left_out,
    )


def _read(data: Path, names: Sequence[str] | None, encoder: Encoder, tell: Callable[[str], None]) -> dict[str, Rows]:
    found = dict[str, Rows]()
    for name, conversations in load(data, names).items():
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
