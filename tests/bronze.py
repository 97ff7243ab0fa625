"""Bronze as ingest leaves it, without Kafka: rows and their offset transactions in one commit."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from feedwheel_capture.catalogue import TYPE_OF_RECORD

from feedback.conversation import Logged
from pipelines.ingest.offsets import Source, advance_as_of, progress_of
from pipelines.io.lake import Lake
from schemas.arrow import to_row
from schemas.tables import TABLE_OF_TOPIC


def ingest(lake: Lake, events: Iterable[Logged[Any]], as_of: datetime) -> None:
    """Accept events, each at its own position, as a drain that started at `as_of` and reached the end."""
    rows = defaultdict(list)
    for event in events:
        rows[TABLE_OF_TOPIC[TYPE_OF_RECORD[type(event.data)].topic]].append(accepted(event))
    for table, of in rows.items():
        append(lake, table, of)
    advance_as_of(lake, as_of)


def append(lake: Lake, table: str, rows: list[dict[str, Any]]) -> None:
    """Append rows and move the partitions' next offsets past them."""
    known = progress_of(lake.open(table))
    ends = defaultdict(int, {source.app_id: progress.next for source, progress in known.items()})
    for row in rows:
        app_id = Source("cluster", row["topic_id"], row["partition"]).app_id
        ends[app_id] = max(ends[app_id], row["offset"] + 1)
    lake.append(table, rows, lambda _: ends)


def accepted(event: Logged[Any]) -> dict[str, Any]:
    """The row of an accepted event."""
    return {
        **envelope(event),
        "status": "accepted",
        "event_id": event.event_id,
        "event_source": event.source,
        "event_type": TYPE_OF_RECORD[type(event.data)].versioned_name,
        "event_time": event.sent_at,
        **to_row(event.data),
    }


def rejected(event: Logged[Any]) -> dict[str, Any]:
    """The row of a record at the same position that was no event."""
    return {**envelope(event), "status": "rejected", "stage": "decode", "reason": "not_json", "attempt": 1}


def envelope(event: Logged[Any]) -> dict[str, Any]:
    position = event.position
    return {
        "topic": position.topic,
        "topic_id": position.topic_id,
        "partition": position.partition,
        "offset": position.offset,
        "appended_at": event.appended_at,
        "ingested_at": event.appended_at,
    }
