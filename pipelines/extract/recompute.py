"""Recomputing a batch of conversations: all their events from bronze, assembled, judged, and written as files.

In: conversations by the positions of their events, and what people allow now. Out: one uncommitted Parquet file for
each silver table, and the outcome of every new event. A function of its input: a worker may die and another do the same
again.
"""

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import timedelta
from functools import reduce
from operator import or_
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake.transaction import AddAction
from feedwheel_capture.events import Generation

from feedback.calibration import Calibrations
from feedback.conversation import Conversation, Logged, Position, assemble
from feedback.detectors import reading
from pipelines.bronze import CONVERSATION_TABLES, ConversationTable, Partition, in_partition
from pipelines.consents import Consents
from pipelines.extract.decode import columns_of, events_of
from pipelines.extract.marks import to_milliseconds
from pipelines.extract.routing import NO_CONSENT
from pipelines.extract.rows import Ending, Row, SilverRows
from pipelines.io.lake import Lake, check_required
from pipelines.io.parquet import TableFile
from pipelines.judging import judge_by
from schemas.config import Config
from schemas.tables import TABLES, SilverTable

EVENTS_PER_BATCH: Final = 5_000
"""A few megabytes of rows in a worker, and files large enough to be worth opening."""

GONE: Final = "gone"
"""A new event whose row, or whose conversation's last answer, was erased before it could be used."""


@dataclass(frozen=True, slots=True)
class Members:
    """One conversation to recompute: the positions of all its events, and which of them are new in this run.

    `is_alive`: its current revision holds something, so that a new one must follow even if nothing is left.
    """

    name: str
    events: frozenset[Position]
    new: frozenset[Position]
    is_alive: bool = False


Batch = tuple[Members, ...]


def batches(touched: Iterable[Members], size: int = EVENTS_PER_BATCH) -> Iterator[Batch]:
    """Conversations in batches of about `size` events, neighbours in the log together."""
    batch, events = list[Members](), 0
    for members in sorted(touched, key=_first):
        batch.append(members)
        events += len(members.events)
        if events >= size:
            yield tuple(batch)
            batch, events = [], 0
    if batch:
        yield tuple(batch)


def _first(members: Members) -> list[Position]:
    """Where a conversation begins in the log; nowhere, if none of its events is left."""
    return [min(members.events)] if members.events else []


@dataclass(slots=True)
class Tally:
    """What became of a batch: new events used by record and dropped by reason, rows by table, signals by kind.

    `ended` conversations hold nothing any more; those in `unread_languages` are of people whose words nothing reads.
    """

    used: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    signals: Counter[str] = field(default_factory=Counter)
    unread_messages: int = 0
    unread_languages: int = 0
    skewed_events: int = 0
    ended: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.used + other.used,
            self.dropped + other.dropped,
            self.rows + other.rows,
            self.signals + other.signals,
            self.unread_messages + other.unread_messages,
            self.unread_languages + other.unread_languages,
            self.skewed_events + other.skewed_events,
            self.ended + other.ended,
        )


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files of a batch by table, and its tally."""

    files: Mapping[SilverTable, AddAction]
    tally: Tally


@dataclass(frozen=True, slots=True)
class Recomputer:
    """Recomputes batches as of one instant and under the consents of now, as one revision."""

    lake: Lake
    config: Config
    calibrations: Calibrations
    ending: Ending
    consents: Consents
    revision: str

    def recompute(self, batch: Batch) -> Manifest:
        """Read, assemble, judge and write. Raises ContractViolation if a row breaks its contract."""
        silence = timedelta(seconds=self.config.extraction.abandoned_after_s)
        members_of = {position: members for members in batch for position in members.events}
        found, withheld = defaultdict[Members, list[Logged[Any]]](list), set[Position]()
        for event in read_events(self.lake, members_of):
            present = self.consents.present(event)
            if present is None:
                withheld.add(event.position)
            else:
                found[members_of[event.position]].append(present)
        rows, tally = SilverRows(judge_by(self.config, self.calibrations)), Tally()
        for members in batch:
            events = found[members]
            tally.dropped[NO_CONSENT] += len(members.new & withheld)
            if not any(isinstance(event.data, Generation) for event in events):
                self._end(rows, tally, members, withheld)
                continue
            conversation = assemble(events, self.ending.as_of, silence)
            read = reading.read(conversation)
            judged = rows.add(read, self.revision)
            tally.unread_languages += read.phrases_in is None
            _count(tally, conversation, members.new - withheld, events)
            tally.signals.update(signal.kind for signal in judged.signals)
        return Manifest(dict(self._written(rows, tally)), tally)

    def _end(self, rows: SilverRows, tally: Tally, members: Members, withheld: AbstractSet[Position]) -> None:
        """No answer is left: nothing is to be said, and what was said is taken back."""
        tally.dropped[GONE] += len(members.new - withheld)
        if members.is_alive:
            rows.end(members.name, self.ending, members.events - withheld, self.revision)
            tally.ended += 1

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
        return AddAction(name, file.size, {}, to_milliseconds(self.ending.as_of), True, file.statistics.to_json())


def _count(tally: Tally, conversation: Conversation, new: Iterable[Position], events: Iterable[Logged[Any]]) -> None:
    """The outcome of every new event of a conversation that may be used."""
    record = {event.position: type(event.data).__name__.lower() for event in events}
    for position in new:
        outcome = conversation.outcomes.get(position, GONE)
        if outcome == "used":
            tally.used[record[position]] += 1
        else:
            tally.dropped[outcome] += 1
    tally.unread_messages += conversation.unread_messages
    tally.skewed_events += conversation.skewed_events


def read_events(lake: Lake, positions: Iterable[Position]) -> Iterator[Logged[Any]]:
    """The accepted events at these positions; offset statistics skip the row groups, and files, that have none."""
    offsets = defaultdict[Partition, list[int]](list)
    for position in positions:
        offsets[position.topic_id, position.partition].append(position.offset)
    where = reduce(or_, (_at(partition, sorted(found)) for partition, found in offsets.items()), pc.scalar(False))
    for table in CONVERSATION_TABLES:
        yield from _read(lake, table, where & (pc.field("status") == "accepted"))


def _at(partition: Partition, offsets: Sequence[int]) -> ds.Expression:
    """Arrow compares sorted values with the bounds of a row group: not only the least and the greatest."""
    return in_partition(partition) & pc.field("offset").isin(pa.array(offsets, pa.int64()))


def _read(lake: Lake, table: ConversationTable, where: ds.Expression) -> Iterator[Logged[Any]]:
    return events_of(lake.read(table, columns_of(table), where))
