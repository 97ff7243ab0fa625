"""What is new in bronze for one application.

In: the high-water marks. Out: where every accepted event beyond them lies, what it is and what it names, without its
text; and the marks that follow. Reads the narrow columns of the new offsets only: file statistics skip the rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any, Final, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from feedwheel_capture.catalogue import TYPE_OF_RECORD
from feedwheel_capture.events import Exposure, Feedback, Generation
from feedwheel_capture.vocabulary import Consent

from feedback.conversation import Position
from pipelines.extract.marks import Partition
from pipelines.ingest.offsets import progress_of
from pipelines.io.lake import Lake
from schemas.tables import BronzeTable

ConversationTable = Literal["bronze/generations", "bronze/feedback"]
CONVERSATION_TABLES: Final[tuple[ConversationTable, ...]] = ("bronze/generations", "bronze/feedback")

RECORDS: Final[dict[str, type[Generation | Feedback | Exposure]]] = {
    TYPE_OF_RECORD[record].versioned_name: record for record in (Generation, Feedback, Exposure)
}
"""The records that conversations are made of, by CloudEvents type."""

_COLUMNS: Final = (
    "topic",
    "topic_id",
    "partition",
    "offset",
    "appended_at",
    "event_type",
    "event_id",
    "user_key",
    "consent",
    "response_id",
    "conversation_id",
)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One accepted event: where it lies and what it names."""

    position: Position
    appended_at: datetime
    record: type[Generation | Feedback | Exposure]
    event_id: str
    user_key: str | None
    consent: Consent
    response_id: str | None
    conversation_id: str | None


@dataclass(frozen=True, slots=True)
class Arrivals:
    """New events, and how far bronze was read for them."""

    events: tuple[Arrival, ...]
    next_offsets: Mapping[Partition, int]


def read_arrivals(lake: Lake, app: str, taken: Mapping[Partition, int]) -> Arrivals:
    """All accepted events of `app` at or beyond the offsets `taken`, to the end of bronze."""
    events, ends = list[Arrival](), dict[Partition, int]()
    wanted = (pc.field("app") == app) & (pc.field("status") == "accepted") & pc.field("event_type").isin(list(RECORDS))
    for table in CONVERSATION_TABLES:
        here = read_ends(lake, table)
        ends |= here
        rows = lake.read(table, _COLUMNS, rows_between(taken, here) & wanted)
        events += [_arrival(row) for batch in rows.to_batches() for row in batch.to_pylist()]
    return Arrivals(tuple(events), ends)


def read_ends(lake: Lake, table: BronzeTable) -> dict[Partition, int]:
    """Next offset of every partition that ingest has brought to a table."""
    progress = progress_of(lake.open(table))
    return {(source.topic_id, source.partition): known.next for source, known in progress.items()}


def rows_between(first: Mapping[Partition, int], ends: Mapping[Partition, int]) -> ds.Expression:
    """The rows from the offsets `first` (0 where a partition is not named) to `ends`; also skips files."""
    ranges = [_between(partition, first.get(partition, 0), end) for partition, end in ends.items()]
    return reduce(or_, ranges, pc.scalar(False))


def _between(partition: Partition, first: int, end: int) -> ds.Expression:
    return in_partition(partition) & (pc.field("offset") >= first) & (pc.field("offset") < end)


def in_partition(partition: Partition) -> ds.Expression:
    """The rows of one partition of one incarnation of a topic."""
    topic_id, number = partition
    return (pc.field("topic_id") == topic_id) & (pc.field("partition") == pa.scalar(number, pa.int32()))


def _arrival(row: Mapping[str, Any]) -> Arrival:
    return Arrival(
        position=position_of(row),
        appended_at=row["appended_at"],
        record=RECORDS[row["event_type"]],
        event_id=row["event_id"],
        user_key=row["user_key"],
        consent=row["consent"],
        response_id=row["response_id"],
        conversation_id=row["conversation_id"],
    )


def position_of(row: Mapping[str, Any]) -> Position:
    """Where a row's event lies."""
    return Position(row["topic_id"], row["partition"], row["offset"], row["topic"])
