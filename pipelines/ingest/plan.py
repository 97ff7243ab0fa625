"""Which ranges a drain has still to read.

In: the bounds of each log as they were when the drain began, and how far each partition has come. Out: half-open ranges
that continue it to those ends, in order per partition. Pure: asking again after a commit gives what is left, whoever
committed.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pipelines.ingest.manifest import Range
from pipelines.ingest.offsets import Progress, Source
from pipelines.io.kafka import LogBounds
from schemas.config import Topic
from schemas.tables import TABLE_OF_TOPIC, BronzeTable

RANGE_OFFSETS: Final = 50_000
"""About 35 MB of events and 5 MB of Parquet: large enough a file, small enough to lose when a drain dies."""


@dataclass(frozen=True, slots=True)
class PartitionLog:
    """One partition as the cluster had it when the drain began."""

    topic: str
    settings: Topic
    source: Source
    bounds: LogBounds

    @property
    def table(self) -> BronzeTable:
        """The table that receives it."""
        return TABLE_OF_TOPIC[self.settings.maps_to]


TableProgress = Mapping[BronzeTable, Mapping[Source, Progress]]
"""How far each partition has come, by the table that knows."""


def truncations(logs: Iterable[PartitionLog], progress: TableProgress) -> list[str]:
    """Partitions whose log ends before our next offset: the cluster lost records that it had acknowledged."""
    return [
        f"{log.topic}[{log.source.partition}] ends at {log.bounds.end}, ingested up to {known.next}"
        for log in logs
        if (known := progress[log.table].get(log.source)) is not None and log.bounds.end < known.next
    ]


def remaining(logs: Iterable[PartitionLog], progress: TableProgress, size: int) -> Iterator[Range]:
    """Ranges of at most `size` offsets from each partition's next offset to its end, one of each in turn."""
    waiting = [_of_partition(log, progress[log.table].get(log.source), size) for log in logs]
    while waiting:
        turn = [(ranges, next(ranges, None)) for ranges in waiting]
        yield from (part for _, part in turn if part is not None)
        waiting = [ranges for ranges, part in turn if part is not None]


def lanes(ranges: Sequence[Range], count: int) -> list[list[Range]]:
    """At most `count` lists of about as many ranges, those of a partition in their order: going on needs no seek."""
    ordered = sorted(ranges, key=lambda part: (part.source, part.first))
    size = max(1, math.ceil(len(ordered) / count))
    return [ordered[first : first + size] for first in range(0, len(ordered), size)]


def _of_partition(log: PartitionLog, known: Progress | None, size: int) -> Iterator[Range]:
    return _opening(log, size) if known is None else _continuing(log, known.next, size)


def _opening(log: PartitionLog, size: int) -> Iterator[Range]:
    """A partition's first ranges: it begins where its log begins.

    An empty one too: from then on it is noticed if records are deleted unread.
    """
    begin = log.bounds.begin
    first_end = min(begin + size, log.bounds.end)
    yield _range(log, begin, first_end, opens=True)
    yield from _continuing(log, first_end, size)


def _continuing(log: PartitionLog, next_offset: int, size: int) -> Iterator[Range]:
    begin, end = log.bounds.begin, log.bounds.end
    if next_offset < begin:
        # Deleted unread: one range however long, since there is nothing in it to hold in memory.
        yield _range(log, next_offset, begin)
        next_offset = begin
    for first in range(next_offset, end, size):
        yield _range(log, first, min(first + size, end))


def _range(log: PartitionLog, first: int, next_offset: int, *, opens: bool = False) -> Range:
    settings = log.settings
    return Range(log.table, log.topic, settings.maps_to, settings.trusted, log.source, first, next_offset, opens)
