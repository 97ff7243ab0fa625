"""Publishing of rejected records to the dead-letter topic, after they have been committed.

In: rejected rows that no message announces yet. Out: one message per row, at least once, and the high-water mark up to
which all are published. A message points to its row and carries no payload: the encrypted bytes rest in one place only,
so their retention has one clock (I4).
"""

from contextlib import suppress
from typing import Any, Final

import msgspec
import pyarrow.compute as pc
from deltalake import DeltaTable
from feedwheel_capture.catalogue import DLQ_TOPIC

from pipelines import crash
from pipelines.context import Context
from pipelines.ingest.offsets import BRONZE_TABLES, Progress, Source, progress_of
from pipelines.io.kafka import Outgoing, publish
from pipelines.io.lake import StaleCommit, commit_files
from schemas.tables import BronzeTable

_POINTER: Final = ("topic", "topic_id", "partition", "offset", "stage", "reason", "detail", "attempt", "ingested_at")


def publish_pending(context: Context) -> int:
    """Publish what is due and record it. Returns how many messages. Raises InfrastructureError."""
    count = 0
    for name in BRONZE_TABLES:
        table = context.lake.open(name)
        for source, progress in progress_of(table).items():
            if progress.published < progress.next:
                count += _publish_partition(context, name, table, source, progress)
    return count


def _publish_partition(
    context: Context, name: BronzeTable, table: DeltaTable, source: Source, progress: Progress
) -> int:
    messages = [_message(name, row) for row in _rejected_rows(context, name, source, progress)]
    if messages:
        publish(context.settings.kafka, messages)
        crash.reach("publish")
    # Stale, or further already: another drain published the same and recorded it; twice is within "at least once".
    with suppress(StaleCommit):
        now = context.lake.open(name)
        if (now.transaction_version(source.counter("published")) or 0) < progress.next:
            commit_files(now, [], {source.counter("published"): progress.next}, {})
    return len(messages)


def _rejected_rows(context: Context, name: BronzeTable, source: Source, progress: Progress) -> list[dict[str, Any]]:
    due = (
        (pc.field("status") == "rejected")
        & (pc.field("topic_id") == source.topic_id)
        & (pc.field("partition") == source.partition)
        & (pc.field("offset") >= progress.published)
        & (pc.field("offset") < progress.next)
    )
    rows: list[dict[str, Any]] = context.lake.read(name, _POINTER, due).sort_by("offset").to_pylist()
    return rows


def _message(name: BronzeTable, row: dict[str, Any]) -> Outgoing:
    headers = {"origin": row["topic"], "stage": row["stage"], "reason": row["reason"], "attempt": str(row["attempt"])}
    return Outgoing(
        DLQ_TOPIC,
        f"{row['topic']}/{row['partition']}/{row['offset']}".encode(),
        msgspec.json.encode({"table": name, **row}),
        tuple((header, value.encode()) for header, value in headers.items()),
    )
