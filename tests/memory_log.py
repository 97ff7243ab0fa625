"""A topic partition in memory: what a broker's log does to records, without a broker."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from pipelines.ingest.offsets import Source
from pipelines.ingest.plan import PartitionLog
from pipelines.io.kafka import LogBounds
from pipelines.io.kafka_ranges import RecordBatch
from schemas.config import Topic

BATCH = 3
"""Small, so that ranges consist of several batches."""


@dataclass
class MemoryLog:
    """Appends values or gaps, deletes from the beginning; reads ranges like a cluster."""

    topic: str = "feedwheel.generations"
    topic_id: str = "topic-id"
    partition: int = 0
    trusted: bool = True
    begin: int = 0
    end: int = 0
    values: dict[int, bytes | None] = field(default_factory=dict)

    def append(self, *values: bytes | None) -> None:
        for value in values:
            self.values[self.end] = value
            self.end += 1

    def append_gap(self, offsets: int = 1) -> None:
        """As transaction markers and aborted records take offsets."""
        self.end += offsets

    def delete_before(self, offset: int) -> None:
        """As retention does."""
        self.begin = max(self.begin, min(offset, self.end))
        self.values = {position: value for position, value in self.values.items() if position >= self.begin}

    def view(self) -> PartitionLog:
        """The partition as a drain sees it when it begins."""
        settings = Topic(maps_to="feedwheel.generations", trusted=self.trusted)
        source = Source("cluster-id", self.topic_id, self.partition)
        return PartitionLog(self.topic, settings, source, LogBounds(self.begin, self.end))

    def read(self, topic: str, topic_id: str, partition: int, first: int, next_offset: int) -> Iterator[RecordBatch]:
        assert (topic, topic_id, partition) == (self.topic, self.topic_id, self.partition)
        if first < self.begin:
            reached = min(self.begin, next_offset)
            yield RecordBatch(lost=reached - first)
            first = reached
        there = [offset for offset in sorted(self.values) if first <= offset < next_offset]
        for start in range(0, len(there), BATCH):
            offsets = there[start : start + BATCH]
            yield RecordBatch(
                offsets,
                [self.values[offset] for offset in offsets],
                [1_767_600_000_000] * len(offsets),
                [1] * len(offsets),
            )

    def close(self) -> None:
        """Nothing to close."""
