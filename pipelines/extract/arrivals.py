"""What is new in bronze for one application.

In: the high-water marks. Out: where every accepted event beyond them lies, what it is and what it names, without its
text; and the marks that follow. Reads the narrow columns of the new offsets only: file statistics skip the rest. Of
people whose consent changed it also reads what was taken before.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable
from feedwheel_capture.catalogue import TYPE_OF_RECORD
from feedwheel_capture.events import Exposure, Feedback, Generation
from feedwheel_capture.vocabulary import Consent

from feedback.consent import stricter
from feedback.conversation import Position, happened_at
from pipelines.bronze import CONVERSATION_TABLES, ConversationTable, Partition, accepted, position_of, rows_between
from pipelines.consents import Consents
from pipelines.ingest.offsets import progress_of
from pipelines.io.lake import Lake
from schemas.tables import BronzeTable

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
    "event_time",
    "event_type",
    "event_id",
    "user_key",
    "user_key_id",
    "consent",
    "response_id",
    "conversation_id",
)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One accepted event: where it lies and what it names. `consent` is the one that it carries, or a stricter one."""

    position: Position
    appended_at: datetime
    time: datetime
    record: type[Generation | Feedback | Exposure]
    event_id: str
    user_key: str | None
    user_key_id: int
    consent: Consent
    response_id: str | None
    conversation_id: str | None


@dataclass(frozen=True, slots=True)
class Arrivals:
    """New events, and how far bronze was read for them and for changes of consent: to the tables' `versions`."""

    events: tuple[Arrival, ...]
    next_offsets: Mapping[Partition, int]
    versions: Mapping[BronzeTable, int]


def read_arrivals(lake: Lake, app: str, taken: Mapping[Partition, int]) -> Arrivals:
    """All accepted events of `app` at or beyond the offsets `taken`, to the end of bronze."""
    events, ends, versions = list[Arrival](), dict[Partition, int](), dict[BronzeTable, int]()
    for table in CONVERSATION_TABLES:
        handle = lake.open(table)
        here, versions[table] = _ends_of(handle), handle.version()
        ends |= here
        events += _read(lake, app, table, rows_between(taken, here))
    privacy = lake.open("bronze/privacy")
    return Arrivals(tuple(events), ends | _ends_of(privacy), {**versions, "bronze/privacy": privacy.version()})


def read_taken(lake: Lake, app: str, user_keys: Collection[str], taken: Mapping[Partition, int]) -> list[Arrival]:
    """All accepted events below the offsets `taken` that are stored under one of these keys."""
    theirs = rows_between({}, taken) & pc.field("user_key").isin(pa.array(sorted(user_keys), pa.string()))
    return [arrival for table in CONVERSATION_TABLES for arrival in _read(lake, app, table, theirs)]


def under_consents(consents: Consents, arrivals: Iterable[Arrival]) -> list[Arrival]:
    """The arrivals, each with the consent that holds for it now."""
    limits = ((arrival, consents.limit(arrival.user_key, arrival.user_key_id, arrival.time)) for arrival in arrivals)
    return [replace(arrival, consent=stricter(arrival.consent, limit)) for arrival, limit in limits]


def _read(lake: Lake, app: str, table: ConversationTable, where: ds.Expression) -> list[Arrival]:
    rows = lake.read(table, _COLUMNS, accepted(app) & pc.field("event_type").isin(list(RECORDS)) & where)
    return [_arrival(row) for batch in rows.to_batches() for row in batch.to_pylist()]


def read_ends(lake: Lake, table: BronzeTable) -> dict[Partition, int]:
    """Next offset of every partition that ingest has brought to a table."""
    return _ends_of(lake.open(table))


def _ends_of(table: DeltaTable) -> dict[Partition, int]:
    progress = progress_of(table)
    return {(source.topic_id, source.partition): known.next for source, known in progress.items()}


def _arrival(row: Mapping[str, Any]) -> Arrival:
    return Arrival(
        position=position_of(row),
        appended_at=row["appended_at"],
        time=happened_at(row["event_time"], row["appended_at"]),
        record=RECORDS[row["event_type"]],
        event_id=row["event_id"],
        user_key=row["user_key"],
        user_key_id=row["user_key_id"],
        consent=row["consent"],
        response_id=row["response_id"],
        conversation_id=row["conversation_id"],
    )
