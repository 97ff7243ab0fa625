"""What a data set consists of, in counts: for its manifest and its card.

In: the examples of a set. Out: a `Composition`. It describes the set and is no part of its content; nobody is named.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from statistics import median_high
from typing import Any

import pyarrow as pa
from msgspec import Struct

from feedback.coverage import Spread, length_band, spread
from feedback.power import Power, power_of
from feedback.topics import topics
from pipelines.curate.examples import user_text
from pipelines.dataset.slices import language_in
from pipelines.people import owner_of

Row = Mapping[str, Any]


class SetFigures(Struct, frozen=True, kw_only=True):
    """One set: `people` who are known by a key, and `anonymous` conversations; words of question and of answer."""

    examples: int
    people: int
    anonymous: int
    conversations: int
    simulated: int
    median_words_asked: int
    median_words_answered: int


class Composition(Struct, frozen=True, kw_only=True):
    """`coverage` by what it is over: topic (by meaning), language, length, slice (set and rule)."""

    first: datetime | None
    last: datetime | None
    sets: dict[str, SetFigures]
    models: dict[str, int]
    coverage: dict[str, Spread]
    power: Power


def composition(examples: pa.Table, alpha: float) -> Composition:
    """The composition of rows of gold/datasets/examples; `alpha` is the gate's."""
    rows = examples.to_pylist()
    by_set = {name: [row for row in rows if row["set_name"] == name] for name in sorted({r["set_name"] for r in rows})}
    times = [row["example_time"] for row in rows]
    evaluating = by_set.get("eval", [])
    return Composition(
        first=min(times, default=None),
        last=max(times, default=None),
        sets={name: _figures(of) for name, of in by_set.items()},
        models=dict(sorted(Counter(row["model_version"] for row in rows).items())),
        coverage=_coverage(rows),
        power=power_of(len({owner_of(row) for row in evaluating}), len(evaluating), alpha),
    )


def _figures(rows: Sequence[Row]) -> SetFigures:
    anonymous = {row["conversation_id"] for row in rows if row["user_key"] is None}
    return SetFigures(
        examples=len(rows),
        people=len({row["user_key"] for row in rows} - {None}),
        anonymous=len(anonymous),
        conversations=len({row["conversation_id"] for row in rows}),
        simulated=sum(row["simulated"] for row in rows),
        median_words_asked=_middle([len(user_text(row["prompt"]).split()) for row in rows]),
        median_words_answered=_middle([len(row["completion"].split()) for row in rows]),
    )


def _middle(counts: Sequence[int]) -> int:
    return median_high(counts) if counts else 0


def _coverage(rows: Sequence[Row]) -> dict[str, Spread]:
    return {
        "topic": spread(map(str, topics([user_text(row["prompt"]) for row in rows])), named=False),
        "language": spread(language_in(row["prompt"]) for row in rows),
        "length": spread(length_band(user_text(row["prompt"])) for row in rows),
        "slice": spread(f"{row['set_name']} {row['rule']}" for row in rows),
    }
