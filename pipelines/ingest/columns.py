"""Kafka values to bronze rows, column by column.

In: a batch of records of one partition. Out: as many rows of the table's contract, each accepted or rejected: what
cannot be decoded, redacted or stored is a row with its reason and its encrypted bytes beside the others (I1, I4).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ingest.decode import BatchDecoder
from pipelines.ingest.manifest import Range, Redaction, Rejection
from pipelines.ingest.payload import Payload, PayloadCipher
from pipelines.io.kafka_ranges import ATTEMPT_HEADER, RecordBatch
from pipelines.io.schema_registry import Registry
from schemas.events import RejectReason
from schemas.tables import INSTANT, TABLES

UNKNOWN_APP: Final = "(unknown)"
"""Counts events of applications that feedwheel.toml does not have: their rows are kept, no stage will read them."""


@dataclass(frozen=True, slots=True)
class EncodedBatch:
    """Rows of a batch, and their counts by application, by reason, and by who redacted them."""

    rows: pa.Table
    accepted: Counter[str]
    rejected: Counter[RejectReason]
    redactions: Counter[Redaction]


class BatchEncoder:
    """Encodes the records of one range. `apps` are those that counts name; `ingested_at` stamps every row."""

    def __init__(
        self,
        part: Range,
        cipher: PayloadCipher,
        apps: frozenset[str],
        ingested_at: datetime,
        registry: Registry | None = None,
    ) -> None:
        self._range = part
        self._cipher = cipher
        self._apps = apps
        self._ingested_at = ingested_at
        self._schema = TABLES[part.table].schema
        self._decoder = BatchDecoder(part, registry)

    def encode(self, batch: RecordBatch) -> EncodedBatch:
        """One row per record, in order."""
        decoded = self._decoder.decode(batch)
        columns = self._record_columns(batch) | self._rejection_columns(batch, decoded.rejections)
        columns |= zip(decoded.events.column_names, decoded.events.columns, strict=True)
        return EncodedBatch(
            pa.table([columns[name] for name in self._schema.names], schema=self._schema),
            self._accepted(decoded.events),
            Counter(rejection.reason for rejection in decoded.rejections.values()),
            decoded.redactions,
        )

    def _record_columns(self, batch: RecordBatch) -> dict[str, Any]:
        """What Kafka says of each record. A time that no clock can have given yet or ever is the drain's own."""
        source, count = self._range.source, len(batch.offsets)
        now_ms = int(self._ingested_at.timestamp() * 1000)
        times = np.asarray(batch.timestamps_ms, np.int64)
        appended = np.where((times > 0) & (times <= now_ms), times, now_ms)
        return {
            "topic": pa.repeat(pa.scalar(self._range.topic, pa.string()), count),
            "topic_id": pa.repeat(pa.scalar(source.topic_id, pa.string()), count),
            "partition": pa.repeat(pa.scalar(source.partition, pa.int32()), count),
            "offset": pa.array(batch.offsets, pa.int64()),
            "appended_at": pa.array(appended, pa.timestamp("ms", tz="UTC")).cast(INSTANT),
            "ingested_at": pa.repeat(pa.scalar(self._ingested_at, INSTANT), count),
        }

    def _rejection_columns(self, batch: RecordBatch, rejections: Mapping[int, Rejection]) -> dict[str, Any]:
        places = sorted(rejections)
        row_of = np.full(len(batch.offsets), -1)
        row_of[places] = np.arange(len(places))
        rejected = pa.array(row_of >= 0)
        columns = {
            name: pa.array([getattr(rejections[place], name) for place in places], pa.string())
            for name in ("stage", "reason", "detail")
        }
        columns["attempt"] = pa.array([batch.attempts[place] for place in places], pa.int32())
        columns["raw"] = pa.array([self._payload(batch, place) for place in places], pa.binary())
        rows = pa.array(row_of, mask=row_of < 0)
        return {name: column.take(rows) for name, column in columns.items()} | {
            "status": pc.if_else(rejected, "rejected", "accepted")
        }

    def _payload(self, batch: RecordBatch, place: int) -> bytes | None:
        """What a replay sends again, which says by itself which attempt it is."""
        value = batch.values[place]
        headers = [header for header in batch.headers.get(place) or () if header[0] != ATTEMPT_HEADER]
        return None if value is None else self._cipher.encrypt(Payload(value, headers))

    def _accepted(self, events: pa.Table) -> Counter[str]:
        counts: Counter[str] = Counter()
        for entry in events.column("app").drop_null().value_counts().to_pylist():
            counts[entry["values"] if entry["values"] in self._apps else UNKNOWN_APP] += entry["counts"]
        return counts
