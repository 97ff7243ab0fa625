"""Who and what a batch is made of: counts by category, kept with its gate record, which later batches are held against.

In: the rows of a batch that no admitted batch had. Out: histograms without anybody's key or words. A person counts
once in each, by what came first, so that one who writes a lot weighs no more than another; an anonymous conversation
is a person. What people say of answers is compared within one version of the model: another one is meant to be judged
otherwise.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, Literal, get_args

import pyarrow as pa
import pyarrow.compute as pc

Drifting = Literal["language", "consent", "source", "surface", "kind", "polarity", "explicit"]
"""What moves by itself, if anything happened."""

Declared = Literal["model_version", "prompt_version", "app_type"]
"""What moves because somebody decided so."""

Histogram = dict[str, int]
Mix = dict[str, dict[str, Histogram]]
"""By dimension, then by group (what is compared with like only; "" for everybody), then by category."""

DRIFTING: Final[tuple[Drifting, ...]] = get_args(Drifting)
DECLARED: Final[tuple[Declared, ...]] = get_args(Declared)

ABSENT: Final = "none"
"""The category of rows that have no value."""

_LONGEST_NAME: Final = 64
"""Characters of a category's name: names come from applications, and belong into no record at any length."""

_OF_TURNS: Final[tuple[tuple[Drifting, str], ...]] = (
    ("language", "language"),
    ("consent", "consent"),
    ("source", "topic"),
)
_OF_FEEDBACK: Final[tuple[tuple[Drifting, str, Sequence[str]], ...]] = (
    ("surface", "surface", ["model_version"]),
    ("kind", "kind", ["model_version"]),
    ("polarity", "polarity", ["model_version", "surface"]),
)


def mix_of(turns: pa.Table, signals: pa.Table) -> Mix:
    """The histograms of these rows, which `described` and `judging` have prepared."""
    feedback = signals.filter(pc.field("explicit"))
    return {
        **{name: _count(turns, "turn_time", column, []) for name, column in _OF_TURNS},
        **{name: _count(feedback, "signal_time", column, groups) for name, column, groups in _OF_FEEDBACK},
        "explicit": _count(signals, "signal_time", "explicit", ["model_version"]),
        **{name: {"": _turns_by(turns, name)} for name in DECLARED},
    }


def described(turns: pa.Table, conversations: pa.Table) -> pa.Table:
    """Turns with their person and what their conversation says: language and type of application."""
    at = pc.index_in(turns.column("conversation_id"), value_set=conversations.column("conversation_id"))
    for name in ("language", "app_type"):
        turns = turns.append_column(name, conversations.column(name).take(at))
    return with_person(turns)


def judging(signals: pa.Table, turns: pa.Table) -> pa.Table:
    """Signals with their person and the version of the model that they judge, if they name an answer."""
    at = pc.index_in(signals.column("response_id"), value_set=turns.column("response_id"))
    return with_person(signals.append_column("model_version", turns.column("model_version").take(at)))


def with_person(rows: pa.Table) -> pa.Table:
    """Rows with `person`: the key, or for an anonymous conversation its own id."""
    return rows.append_column("person", pc.coalesce(rows.column("user_key"), rows.column("conversation_id")))


def greatest_share(rows: pa.Table) -> float | None:
    """Share of the rows that the person with most of them has; None without rows."""
    if not rows.num_rows:
        return None
    counts = rows.group_by("person").aggregate([([], "count_all")]).column("count_all")
    return float(pc.max(counts).as_py() / rows.num_rows)


def _count(rows: pa.Table, time: str, column: str, groups: Sequence[str]) -> dict[str, Histogram]:
    """People by group and by the category of their first row in it."""
    named = pa.table(
        {
            "person": rows.column("person"),
            "time": rows.column(time),
            "group": _joined([rows.column(name) for name in groups], rows.num_rows),
            "category": _name(rows.column(column)),
        }
    ).sort_by([("time", "ascending"), ("category", "ascending")])
    first = named.group_by(["group", "person"], use_threads=False).aggregate([("category", "first")])
    counted = first.group_by(["group", "category_first"]).aggregate([([], "count_all")])
    found = defaultdict[str, Histogram](dict)
    for row in sorted(counted.to_pylist(), key=lambda row: (row["group"], row["category_first"])):
        found[row["group"]][row["category_first"]] = row["count_all"]
    return dict(found)


def _turns_by(turns: pa.Table, column: str) -> Histogram:
    counted = _name(turns.column(column)).value_counts().to_pylist()
    return {entry["values"]: entry["counts"] for entry in sorted(counted, key=lambda entry: entry["values"])}


def _joined(columns: Sequence[pa.ChunkedArray], rows: int) -> pa.ChunkedArray | pa.Array:
    named = [_name(column) for column in columns]
    return pc.binary_join_element_wise(*named, " at ") if named else pa.array([""] * rows, pa.string())


def _name(column: pa.ChunkedArray) -> pa.ChunkedArray:
    text = pc.fill_null(pc.cast(column, pa.string()), ABSENT)
    return pc.utf8_slice_codeunits(text, 0, _LONGEST_NAME)


def total(mixes: Iterable[tuple[Mix, float]]) -> Mix:
    """The histograms of several batches, added, each count times the batch's weight, rounded."""
    added: Mix = defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
    for mix, weight in mixes:
        for dimension, groups in mix.items():
            for group, histogram in groups.items():
                for category, count in histogram.items():
                    added[dimension][group][category] += round(weight * count)
    return added
