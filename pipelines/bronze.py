"""Reading bronze: where a row lies, and which rows lie between offsets.

In: offset vectors. Out: filters over bronze tables that also skip files by their statistics; positions of rows.
"""

from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import Any, Final, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from feedback.conversation import Position

Partition = tuple[str, int]
"""Topic id and number."""

Offsets = Mapping[Partition, int]
"""An offset by partition: the first of what is not yet read, unless said otherwise."""

ConversationTable = Literal["bronze/generations", "bronze/feedback"]
CONVERSATION_TABLES: Final[tuple[ConversationTable, ...]] = ("bronze/generations", "bronze/feedback")

POSITION: Final = ("topic", "topic_id", "partition", "offset")
"""The columns of a row's position."""


def position_of(row: Mapping[str, Any]) -> Position:
    """Where a row's event lies."""
    return Position(row["topic_id"], row["partition"], row["offset"], row["topic"])


def partition_of(position: Position) -> Partition:
    """The partition of one incarnation of a topic that a position is in."""
    return position.topic_id, position.partition


def accepted(app: str) -> ds.Expression:
    """The events of one application."""
    return (pc.field("app") == app) & (pc.field("status") == "accepted")


def rows_between(first: Offsets, ends: Offsets) -> ds.Expression:
    """The rows from the offsets `first` (0 where a partition is not named) to `ends`."""
    ranges = [_between(partition, first.get(partition, 0), end) for partition, end in ends.items()]
    return reduce(or_, ranges, pc.scalar(False))


def _between(partition: Partition, first: int, end: int) -> ds.Expression:
    return in_partition(partition) & (pc.field("offset") >= first) & (pc.field("offset") < end)


def in_partition(partition: Partition) -> ds.Expression:
    """The rows of one partition of one incarnation of a topic."""
    topic_id, number = partition
    return (pc.field("topic_id") == topic_id) & (pc.field("partition") == pa.scalar(number, pa.int32()))
