"""Kafka values to bronze rows, column by column.

In: a batch of records of one partition. Out: as many rows of the table's contract, each accepted or rejected: what
cannot be decoded, redacted or stored is a row with its reason and its encrypted bytes beside the others (I1, I4).
"""

import gc
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
from feedwheel_capture.events import Event

from pipelines.ingest.event_columns import UNSTORABLE, EventColumns
from pipelines.ingest.manifest import Range, Rejection
from pipelines.ingest.payload import PayloadCipher
from pipelines.ingest.redaction import vouched
from pipelines.io.kafka_ranges import RecordBatch
from schemas.events import EventRejected, RejectReason, decode
from schemas.tables import INSTANT, TABLES

UNKNOWN_APP: Final = "(unknown)"
"""Counts events of applications that feedwheel.toml does not have: their rows are kept, no stage will read them."""
_MAX_DETAIL_CHARS: Final = 300

Outcome = Event[Any] | Rejection


@dataclass(frozen=True, slots=True)
class EncodedBatch:
    """Rows of a batch, and their counts by application or by reason."""

    rows: pa.Table
    accepted: Counter[str]
    rejected: Counter[RejectReason]


class BatchEncoder:
    """Encodes the records of one range. `apps` are those that counts name; `ingested_at` stamps every row."""

    def __init__(self, part: Range, cipher: PayloadCipher, apps: frozenset[str], ingested_at: datetime) -> None:
        self._range = part
        self._cipher = cipher
        self._apps = apps
        self._ingested_at = ingested_at
        self._schema = TABLES[part.table].schema
        self._event_columns = EventColumns(part.table)

    def encode(self, batch: RecordBatch) -> EncodedBatch:
        """One row per record, in order."""
        # Decoded events hold no cycles; the collector would walk them all, at a third of the whole cost.
        enabled = gc.isenabled()
        gc.disable()
        try:
            return self._encode(batch)
        finally:
            if enabled:
                gc.enable()

    def _encode(self, batch: RecordBatch) -> EncodedBatch:
        outcomes = [self._outcome(value) for value in batch.values]
        try:
            events = self._event_columns.build(_events(outcomes))
        except UNSTORABLE:
            outcomes = [self._storable(outcome) for outcome in outcomes]
            events = self._event_columns.build(_events(outcomes))
        rejections = [outcome if isinstance(outcome, Rejection) else None for outcome in outcomes]
        columns = self._record_columns(batch) | self._rejection_columns(batch, rejections)
        columns |= zip(events.column_names, events.columns, strict=True)
        return EncodedBatch(
            pa.table([columns[name] for name in self._schema.names], schema=self._schema),
            self._accepted(events),
            Counter(rejection.reason for rejection in rejections if rejection),
        )

    def _outcome(self, value: bytes | None) -> Outcome:
        stage: Any = "decode"
        try:
            event = decode(value, self._range.maps_to)
            stage = "redact"
            return vouched(event, self._range.trusted)
        except EventRejected as rejected:
            return Rejection(stage, rejected.reason, rejected.detail[:_MAX_DETAIL_CHARS])

    def _storable(self, outcome: Outcome) -> Outcome:
        """The outcome, unless its event alone already does not fit the columns."""
        try:
            self._event_columns.build(_events([outcome]))
        except UNSTORABLE:
            return Rejection("decode", "contract", "a number does not fit into 64 bits")
        return outcome

    def _record_columns(self, batch: RecordBatch) -> dict[str, Any]:
        """What Kafka says of each record. A time that no clock can have given yet or ever is the drain's own."""
        source, count = self._range.source, len(batch.offsets)
        now_ms = int(self._ingested_at.timestamp() * 1000)
        appended = [time if 0 < time <= now_ms else now_ms for time in batch.timestamps_ms]
        return {
            "topic": pa.repeat(pa.scalar(self._range.topic, pa.string()), count),
            "topic_id": pa.repeat(pa.scalar(source.topic_id, pa.string()), count),
            "partition": pa.repeat(pa.scalar(source.partition, pa.int32()), count),
            "offset": pa.array(batch.offsets, pa.int64()),
            "appended_at": pa.array(appended, pa.timestamp("ms", tz="UTC")).cast(INSTANT),
            "ingested_at": pa.repeat(pa.scalar(self._ingested_at, INSTANT), count),
        }

    def _rejection_columns(self, batch: RecordBatch, rejections: Sequence[Rejection | None]) -> dict[str, Any]:
        payloads = [
            self._cipher.encrypt(value) if rejection and value is not None else None
            for rejection, value in zip(rejections, batch.values, strict=True)
        ]
        attempts = [
            attempt if rejection else None for rejection, attempt in zip(rejections, batch.attempts, strict=True)
        ]
        status = ["rejected" if rejection else "accepted" for rejection in rejections]
        return {
            "status": pa.array(status, pa.string()),
            "stage": pa.array([rejection and rejection.stage for rejection in rejections], pa.string()),
            "reason": pa.array([rejection and rejection.reason for rejection in rejections], pa.string()),
            "detail": pa.array([rejection and rejection.detail for rejection in rejections], pa.string()),
            "attempt": pa.array(attempts, pa.int32()),
            "raw": pa.array(payloads, pa.binary()),
        }

    def _accepted(self, events: pa.Table) -> Counter[str]:
        counts: Counter[str] = Counter()
        for entry in events.column("app").drop_null().value_counts().to_pylist():
            counts[entry["values"] if entry["values"] in self._apps else UNKNOWN_APP] += entry["counts"]
        return counts


def _events(outcomes: Sequence[Outcome]) -> list[Event[Any] | None]:
    return [outcome if isinstance(outcome, Event) else None for outcome in outcomes]
