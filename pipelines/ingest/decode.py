"""Kafka values to events: in bulk what surely keeps the contract and is vouched for, one by one everything else.

In: a batch of records of one partition. Out: event columns, a row for each record, and the reasons of those that are no
event that can rest (I1, I4). Which way a record takes depends on how it is written and where it lies; what becomes of
it does not.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
import pyarrow as pa
from feedwheel_capture.events import Event

from pipelines.ingest.avro import AvroReader
from pipelines.ingest.bulk import BulkDecoder, Sure
from pipelines.ingest.column_rules import Mask, Places
from pipelines.ingest.event_columns import UNSTORABLE, EventColumns
from pipelines.ingest.forms import Records, rejection
from pipelines.ingest.manifest import Range, Redaction, Rejection, RejectStage
from pipelines.ingest.redaction import is_vouched, redacted
from pipelines.io.kafka_ranges import RecordBatch
from pipelines.io.schema_registry import Registry
from schemas.events import EventRejected, decode
from schemas.tables import BronzeTable

AUDIT_EVERY: Final = 256
"""Of vouched events, one in so many offsets is redacted all the same, to see whether its producer does: a tenth of the
time that all others take, and a producer that redacts nothing is seen within a batch."""
_IN_BULK: Final[frozenset[BronzeTable]] = frozenset({"bronze/generations", "bronze/feedback"})
"""Where the mass is. Privacy and control records are few, and some hold mappings, which have no columns."""

Outcome = Event[Any] | Rejection


@dataclass(frozen=True, slots=True)
class Decoded:
    """Event columns of a batch, null where a record is rejected; rejections by place; how events were redacted."""

    events: pa.Table
    rejections: dict[int, Rejection]
    redactions: Counter[Redaction]


class BatchDecoder:
    """Decodes the records of one range. `registry` has the schemas of those in Avro."""

    def __init__(self, part: Range, registry: Registry | None = None) -> None:
        self._range = part
        self._avro = _avro_reader(registry)
        self._columns = _event_columns(part.table)
        self._bulk = _bulk_decoder(part.table) if part.trusted and part.table in _IN_BULK else None

    def decode(self, batch: RecordBatch) -> Decoded:
        """One row or rejection for each record. Raises InfrastructureError if the registry does not answer."""
        records, redactions = Records(batch), Counter[Redaction]()
        is_left = np.ones(len(batch.values), np.bool_)
        parts = []
        for sure in self._in_bulk(records, is_left):
            places, rows = self._settled(sure, records, redactions)
            is_left[places] = False
            parts.append((places, rows))
        left = np.flatnonzero(is_left)
        outcomes = [self._outcome(records, place, redactions) for place in left.tolist()]
        outcomes, events = self._storable(outcomes)
        return Decoded(
            _in_order([*parts, (left, events)]),
            {
                place: outcome
                for place, outcome in zip(left.tolist(), outcomes, strict=True)
                if isinstance(outcome, Rejection)
            },
            redactions,
        )

    def _in_bulk(self, records: Records, is_left: Mask) -> Iterator[Sure]:
        """Sure events of every form. `is_left`: where none was sure so far."""
        if self._bulk is not None:
            yield from self._bulk.decode(records.whole())
            if records.attributes:
                there = list(records.attributes)
                values = [records.values[place] for place in there]
                yield from _at(there, self._bulk.decode_data(values, list(records.attributes.values())))
        if framed := records.framed(np.flatnonzero(is_left).tolist()):
            records.unframe(framed, self._avro)
            if self._bulk is not None:
                yield from _at(framed, self._bulk.decode([records.values[place] for place in framed]))

    def _settled(self, sure: Sure, records: Records, redactions: Counter[Redaction]) -> tuple[Places, pa.Table]:
        """Rows of those events that somebody vouches for, less those of which an audit shows otherwise."""
        rows = self._columns.of_structs(sure.events)
        settled = rows.column("redactor").is_valid().to_numpy()
        audited = np.asarray(records.offsets)[sure.places] % AUDIT_EVERY == 0
        for row in np.flatnonzero(settled & audited).tolist():
            if self._is_clean(records, sure.places[row]):
                redactions["audited"] += 1
            else:
                settled[row] = False
        return (sure.places, rows) if settled.all() else (sure.places[settled], rows.filter(pa.array(settled)))

    def _is_clean(self, records: Records, place: int) -> bool:
        try:
            _, redaction = redacted(decode(records.text(place), self._range.maps_to), self._range.trusted)
        except EventRejected:
            return False
        return redaction == "audited"

    def _outcome(self, records: Records, place: int, redactions: Counter[Redaction]) -> Outcome:
        if (refused := records.refused.get(place)) is not None:
            return refused
        stage: RejectStage = "decode"
        try:
            event = decode(records.text(place), self._range.maps_to)
            stage = "redact"
            if is_vouched(event, self._range.trusted) and records.offsets[place] % AUDIT_EVERY:
                return event
            event, redaction = redacted(event, self._range.trusted)
        except EventRejected as rejected:
            return rejection(stage, rejected)
        redactions[redaction] += 1
        return event

    def _storable(self, outcomes: list[Outcome]) -> tuple[list[Outcome], pa.Table]:
        """The outcomes and their columns. An event that does not fit its columns is a rejection."""
        try:
            return outcomes, self._columns.build(_events(outcomes))
        except UNSTORABLE:
            outcomes = [self._alone(outcome) for outcome in outcomes]
            return outcomes, self._columns.build(_events(outcomes))

    def _alone(self, outcome: Outcome) -> Outcome:
        try:
            self._columns.build(_events([outcome]))
        except UNSTORABLE:
            return Rejection("decode", "contract", "a number does not fit into 64 bits")
        return outcome


def _at(places: Sequence[int], found: Iterable[Sure]) -> Iterator[Sure]:
    """What was found among some of the places."""
    there = np.asarray(places, np.int64)
    return (Sure(there[sure.places], sure.events) for sure in found)


_event_columns = cache(EventColumns)
_bulk_decoder = cache(BulkDecoder)
_avro_reader = cache(AvroReader)
"""Of a process: what it learns of one range holds for the next."""


def _events(outcomes: Sequence[Outcome]) -> list[Event[Any] | None]:
    return [outcome if isinstance(outcome, Event) else None for outcome in outcomes]


def _in_order(parts: Sequence[tuple[Places, pa.Table]]) -> pa.Table:
    """One row for each place, from parts that have them all."""
    rows = pa.concat_tables([table for _, table in parts])
    places = np.concatenate([places for places, _ in parts])
    if (places[:-1] < places[1:]).all():
        return rows
    return rows.take(pa.array(np.argsort(places)))
