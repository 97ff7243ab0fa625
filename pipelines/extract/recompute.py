"""Recomputing a batch of conversations: all their events from bronze, assembled, judged, and written as files.

In: conversations by the positions of their events. Out: one uncommitted Parquet file for each silver table, and the
outcome of every new event. A function of its input: a worker may die and another do the same again.
"""

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake.transaction import AddAction
from feedwheel_capture.events import Generation

from feedback.conversation import Conversation, Logged, Position, assemble
from feedback.detectors import all_detectors, detect
from feedback.taxonomy import Weights
from pipelines.extract.arrivals import CONVERSATION_TABLES, ConversationTable, in_partition
from pipelines.extract.decode import columns_of, events_of
from pipelines.extract.marks import Partition, to_milliseconds
from pipelines.extract.rows import Row, SilverRows
from pipelines.io.lake import Lake, check_required
from pipelines.io.parquet import TableFile
from schemas.tables import TABLES, SilverTable

EVENTS_PER_BATCH: Final = 5_000
"""A few megabytes of rows in a worker, and files large enough to be worth opening."""

GONE: Final = "gone"
"""A new event whose row, or whose conversation's last answer, was erased before it could be used."""


@dataclass(frozen=True, slots=True)
class Members:
    """One conversation to recompute: the positions of all its events, and which of them are new in this run."""

    events: frozenset[Position]
    new: frozenset[Position]


Batch = tuple[Members, ...]


def batches(touched: Iterable[Members], size: int = EVENTS_PER_BATCH) -> Iterator[Batch]:
    """Conversations in batches of about `size` events, neighbours in the log together."""
    batch, events = list[Members](), 0
    for members in sorted(touched, key=lambda members: min(members.events)):
        batch.append(members)
        events += len(members.events)
        if events >= size:
            yield tuple(batch)
            batch, events = [], 0
    if batch:
        yield tuple(batch)


@dataclass(slots=True)
class Tally:
    """What became of a batch: new events used by record and dropped by reason, rows by table, signals by kind."""

    used: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    signals: Counter[str] = field(default_factory=Counter)
    unread_messages: int = 0
    skewed_events: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.used + other.used,
            self.dropped + other.dropped,
            self.rows + other.rows,
            self.signals + other.signals,
            self.unread_messages + other.unread_messages,
            self.skewed_events + other.skewed_events,
        )


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files of a batch by table, and its tally."""

    files: Mapping[SilverTable, AddAction]
    tally: Tally


@dataclass(frozen=True, slots=True)
class Recomputer:
    """Recomputes batches as of one instant, as one revision."""

    lake: Lake
    weights: Weights
    abandoned_after: timedelta
    as_of: datetime
    revision: str

    def recompute(self, batch: Batch) -> Manifest:
        """Read, assemble, judge and write. Raises ContractViolation if a row breaks its contract."""
        members_of = {position: members for members in batch for position in members.events}
        found = defaultdict[Members, list[Logged[Any]]](list)
        for event in read_events(self.lake, members_of):
            found[members_of[event.position]].append(event)
        rows, tally, detectors = SilverRows(), Tally(), all_detectors(self.weights)
        for members in batch:
            events = found[members]
            if not any(isinstance(event.data, Generation) for event in events):
                tally.dropped[GONE] += len(members.new)
                continue
            conversation = assemble(events, self.as_of, self.abandoned_after)
            signals = detect(conversation, detectors)
            rows.add(conversation, signals, self.revision)
            _count(tally, conversation, members, events)
            tally.signals.update(signal.kind for signal in signals)
        return Manifest(dict(self._written(rows, tally)), tally)

    def _written(self, rows: SilverRows, tally: Tally) -> Iterator[tuple[SilverTable, AddAction]]:
        for table, of in rows.by_table().items():
            tally.rows[table] += len(of)
            if of:
                yield table, self._write(table, of)

    def _write(self, table: SilverTable, rows: Sequence[Row]) -> AddAction:
        schema = TABLES[table].schema
        data = pa.Table.from_pylist(rows, schema=schema)
        check_required(table, data)
        name = f"part-{self.revision}-{uuid.uuid4().hex}.parquet"
        with TableFile(self.lake.uri(table), name, schema) as file:
            file.write(data)
        return AddAction(name, file.size, {}, to_milliseconds(self.as_of), True, file.statistics.to_json())


def _count(tally: Tally, conversation: Conversation, members: Members, events: Iterable[Logged[Any]]) -> None:
    """The outcome of every new event of a conversation."""
    record = {event.position: type(event.data).__name__.lower() for event in events}
    for position in members.new:
        outcome = conversation.outcomes.get(position, GONE)
        if outcome == "used":
            tally.used[record[position]] += 1
        else:
            tally.dropped[outcome] += 1
    tally.unread_messages += conversation.unread_messages
    tally.skewed_events += conversation.skewed_events


def read_events(lake: Lake, positions: Iterable[Position]) -> Iterator[Logged[Any]]:
    """The accepted events at these positions; offset statistics of the files skip the others."""
    offsets = defaultdict[Partition, list[int]](list)
    for position in positions:
        offsets[position.topic_id, position.partition].append(position.offset)
    where = reduce(or_, (_at(partition, sorted(found)) for partition, found in offsets.items()))
    for table in CONVERSATION_TABLES:
        yield from _read(lake, table, where & (pc.field("status") == "accepted"))


def _at(partition: Partition, offsets: Sequence[int]) -> ds.Expression:
    offset = pc.field("offset")
    return in_partition(partition) & (offset >= offsets[0]) & (offset <= offsets[-1]) & offset.isin(offsets)


def _read(lake: Lake, table: ConversationTable, where: ds.Expression) -> Iterator[Logged[Any]]:
    return events_of(lake.read(table, columns_of(table), where))
