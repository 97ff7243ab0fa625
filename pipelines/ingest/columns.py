"""Kafka values to bronze rows, column by column.

In: a batch of records of one partition. Out: as many rows of the table's contract, each accepted or rejected: what
cannot be decoded, redacted or stored is a row with its reason and its encrypted bytes beside the others (I1, I4).
"""

import gc
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, get_origin

import msgspec
import pyarrow as pa
from feedwheel_capture.catalogue import EVENT_TYPES
from feedwheel_capture.events import Event
from msgspec.structs import fields

from pipelines.ingest.manifest import Range, Rejection
from pipelines.ingest.payload import PayloadCipher
from pipelines.ingest.redaction import vouched
from pipelines.io.kafka_ranges import RecordBatch
from schemas.events import EventRejected, RejectReason, decode
from schemas.tables import INSTANT, TABLES

UNKNOWN_APP: Final = "(unknown)"
"""Counts events of applications that feedwheel.toml does not have: their rows are kept, no stage will read them."""
_EVENT_PREFIX: Final = "event_"
_ENVELOPE_FIELDS: Final = ("id", "source", "type", "time", "subject")
_MAX_DETAIL_CHARS: Final = 300
_STORED_AS_IS: Final = (datetime,)

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
        records: list[Any] = [
            record for entry in EVENT_TYPES if entry.topic == part.maps_to for record in entry.records
        ]
        names = {name for record in records for name in record.__struct_fields__}
        self._tag_fields = {record.__struct_config__.tag_field for record in records} - {None}
        self._data_fields = [field for field in self._schema if field.name in names | self._tag_fields]
        self._mappings = {
            field.name for record in records for field in fields(record) if get_origin(field.type) is dict
        }

    def encode(self, batch: RecordBatch) -> EncodedBatch:
        """One row per record, in order."""
        with _no_garbage_collection():
            outcomes = [self._outcome(value) for value in batch.values]
            try:
                rows = self._rows(batch, outcomes)
            except (OverflowError, pa.ArrowInvalid):
                outcomes = [self._storable(outcome) for outcome in outcomes]
                rows = self._rows(batch, outcomes)
            return EncodedBatch(rows, self._accepted(outcomes), _rejected(outcomes))

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
        if isinstance(outcome, Rejection):
            return outcome
        try:
            self._event_columns([outcome])
        except (OverflowError, pa.ArrowInvalid):
            return Rejection("decode", "contract", "a number does not fit into 64 bits")
        return outcome

    def _rows(self, batch: RecordBatch, outcomes: Sequence[Outcome]) -> pa.Table:
        events = [outcome if isinstance(outcome, Event) else None for outcome in outcomes]
        columns = self._record_columns(batch) | self._event_columns(events) | self._rejection_columns(batch, outcomes)
        return pa.table([columns[name] for name in self._schema.names], schema=self._schema)

    def _record_columns(self, batch: RecordBatch) -> dict[str, pa.Array]:
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

    def _event_columns(self, events: Sequence[Event[Any] | None]) -> dict[str, pa.Array]:
        columns = {}
        for name in _ENVELOPE_FIELDS:
            field = self._schema.field(f"{_EVENT_PREFIX}{name}")
            columns[field.name] = pa.array([getattr(event, name, None) for event in events], field.type)
        # A record without the field, and a rejected one, both give null.
        records = [getattr(event, "data", None) for event in events]
        for field in self._data_fields:
            columns[field.name] = self._data_column(field.name, field.type, records)
        return columns

    def _data_column(self, name: str, kind: pa.DataType, records: Sequence[Any]) -> pa.Array:
        if name in self._tag_fields:
            return pa.array([record and record.__struct_config__.tag for record in records], kind)
        values: list[Any] = [getattr(record, name, None) for record in records]
        if pa.types.is_nested(kind):
            values = msgspec.to_builtins(values, builtin_types=_STORED_AS_IS)
        elif name in self._mappings:
            values = [None if value is None else _canonical_json(value) for value in values]
        return pa.array(values, kind)

    def _rejection_columns(self, batch: RecordBatch, outcomes: Sequence[Outcome]) -> dict[str, pa.Array]:
        rejections = [outcome if isinstance(outcome, Rejection) else None for outcome in outcomes]
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

    def _accepted(self, outcomes: Sequence[Outcome]) -> Counter[str]:
        apps = (outcome.data.app for outcome in outcomes if isinstance(outcome, Event))
        return Counter(app if app in self._apps else UNKNOWN_APP for app in apps)


def _rejected(outcomes: Sequence[Outcome]) -> Counter[RejectReason]:
    return Counter(outcome.reason for outcome in outcomes if isinstance(outcome, Rejection))


def _canonical_json(value: Any) -> str:
    return msgspec.json.encode(value, order="sorted").decode()


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Decoded events hold no cycles, but the collector walks them all: without it decoding costs a third (measured)."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
