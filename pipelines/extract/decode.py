"""Rows of bronze back to the events they were: what ingest decoded and checked, with its place in the log."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

import msgspec
import pyarrow as pa
from feedwheel_capture.events import Exposure, Feedback, Generation

from feedback.conversation import Logged
from pipelines.bronze import position_of
from pipelines.extract.arrivals import RECORDS
from schemas.tables import TABLES, BronzeTable

_ENVELOPE: Final = (
    *("topic", "topic_id", "partition", "offset", "appended_at"),
    *("event_id", "event_source", "event_type", "event_time"),
)


def columns_of(table: BronzeTable) -> list[str]:
    """The columns of a table that make events."""
    fields = {name for record in RECORDS.values() for name, _ in _fields(record)}
    return [name for name in TABLES[table].schema.names if name in fields or name in _ENVELOPE]


def events_of(rows: pa.Table) -> Iterator[Logged[Generation | Feedback | Exposure]]:
    """The events of accepted rows, in the order of the rows."""
    for batch in rows.to_batches():
        for row in batch.to_pylist():
            yield _event(row)


def _event(row: Mapping[str, Any]) -> Logged[Generation | Feedback | Exposure]:
    return Logged(
        position=position_of(row),
        appended_at=row["appended_at"],
        event_id=row["event_id"],
        source=row["event_source"],
        sent_at=row["event_time"],
        data=record_of(row),
    )


def record_of(row: Mapping[str, Any]) -> Generation | Feedback | Exposure:
    """The record of an accepted row."""
    record = RECORDS[row["event_type"]]
    return msgspec.convert(_given(record, row), record)


def _given(record: type, row: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a record. A null means that an optional one was not sent, or is newer than the row."""
    return {name: row[name] for name, is_optional in _fields(record) if row[name] is not None or not is_optional}


@cache
def _fields(record: type) -> tuple[tuple[str, bool], ...]:
    return tuple((field.name, not field.required) for field in msgspec.structs.fields(record))
