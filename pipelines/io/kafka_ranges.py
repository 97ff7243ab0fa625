"""Reading half-open offset ranges of topic partitions, batch by batch.

In: [first, next) of one partition of one incarnation of a topic. Out: every committed record in it, once and in order,
and how many offsets the log had deleted before they could be read. A range ends where a record or the log's end shows
that it does, never because nothing came (I1).
"""

import time
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from feedwheel_capture.access import KafkaAccess

from pipelines.io.kafka import Cluster, broker_errors, client_options
from schemas.cloudevents import Headers
from schemas.errors import InfrastructureError

ATTEMPT_HEADER: Final = "feedwheel-attempt"
"""On a replayed record: how often it has been published, the first time included."""

BATCH_RECORDS: Final = 10_000
"""Records decoded at a time: reading JSON in bulk has a cost per batch (of 2,000: a fifth more time in all)."""
_BATCH_BYTES: Final = 16 << 20
"""Of the records decoded at a time: a batch of the largest allowed events must not fill the memory either."""
_FIRST_BATCH_RECORDS: Final = 100
"""Before the size of records is known."""
_POLL_S: Final = 0.2
"""How long the end of a range that ends in a gap can go unnoticed."""
_STALL_S: Final = 30.0
"""No record, no end of the log and no error for so long: the cluster does not answer any more."""
_MAX_ATTEMPT_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Consecutive records, column-wise: offsets ascend and may skip. `lost` offsets before them were deleted.

    `headers` are by place, of records that have any; None where the client cannot read them.
    """

    offsets: list[int] = field(default_factory=list)
    values: list[bytes | None] = field(default_factory=list)
    timestamps_ms: list[int] = field(default_factory=list)
    attempts: list[int] = field(default_factory=list)
    lost: int = 0
    headers: Mapping[int, Headers | None] = field(default_factory=dict)


class RangeSource(Protocol):
    """Whatever can read ranges: a cluster, or a log in memory."""

    def read(self, topic: str, topic_id: str, partition: int, first: int, next_offset: int) -> Iterator[RecordBatch]:
        """Records with offsets in [first, next_offset)."""

    def close(self) -> None:
        """Disconnect."""


class RangeReader:
    """Reads ranges from a cluster. Adjacent ranges of one partition go on without a seek."""

    def __init__(self, access: KafkaAccess) -> None:
        self._access = access
        self._cluster = Cluster(access)
        self._consumer = Consumer(
            client_options(access)
            | {
                "group.id": "feedwheel-ingest",  # the client demands one; we neither subscribe nor commit
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "allow.auto.create.topics": False,
                # At its default of 1000 the fetcher sleeps a second whenever its queue was full for a moment.
                "fetch.queue.backoff.ms": 5,
                # A fetch that waits at one partition's end holds up the next range: at the default of 500, each time.
                "fetch.wait.max.ms": 10,
                "queued.max.messages.kbytes": 16_384,
            }
        )
        self._stands_at: tuple[str, int, int] | None = None
        self._batch_records = _FIRST_BATCH_RECORDS

    def read(self, topic: str, topic_id: str, partition: int, first: int, next_offset: int) -> Iterator[RecordBatch]:
        """Records with offsets in [first, next_offset). Raises InfrastructureError."""
        position = first
        self._stand_at(topic, partition, first)
        deadline = time.monotonic() + _STALL_S
        while position < next_offset:
            with broker_errors(self._access):
                messages = self._consumer.consume(min(self._batch_records, next_offset - position), _POLL_S)
                batch, reached = self._take(messages, position, next_offset)
            if reached > position:
                deadline = time.monotonic() + _STALL_S
            elif time.monotonic() > deadline:
                raise InfrastructureError(
                    f"Kafka at {self._access}: {topic}[{partition}] gave nothing after offset {position} for "
                    f"{_STALL_S:.0f} s, though its log ended at {next_offset} or later: look at the broker's log"
                )
            position = reached
            if batch.offsets or batch.lost:
                self._batch_records = _next_size(batch)
                yield batch
        self._check_incarnation(topic, topic_id)

    def _stand_at(self, topic: str, partition: int, offset: int) -> None:
        if self._stands_at != (topic, partition, offset):
            with broker_errors(self._access):
                self._consumer.assign([TopicPartition(topic, partition, offset)])
            self._stands_at = (topic, partition, offset)

    def _take(self, messages: Sequence[Message], position: int, next_offset: int) -> tuple[RecordBatch, int]:
        """The batch's records before `next_offset`, and the offset that is to be read next."""
        errors = [number for number, message in enumerate(messages) if message.error() is not None]
        records = [message for message in messages if message.error() is None] if errors else messages
        batch = _batch(records, next_offset)
        if batch.offsets:
            position = batch.offsets[-1] + 1
        if len(batch.offsets) < len(records):
            self._stands_at = None  # what is beyond has been consumed, so the next range must seek back to it
            return batch, next_offset
        for number in errors:
            message = messages[number]
            error = message.error()
            assert error is not None  # narrows the type; these are those with an error
            if error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001  # the client's public constant
                return self._skip_deleted(message, batch, position, next_offset)
            position = max(position, _offset_at_end(message, error))
        if self._stands_at is not None:
            # The log's end is shown once: a range behind this one must see it again, hence seek.
            self._stands_at = (*self._stands_at[:2], position) if position <= next_offset else None
        return batch, min(position, next_offset)

    def _skip_deleted(
        self, message: Message, batch: RecordBatch, position: int, next_offset: int
    ) -> tuple[RecordBatch, int]:
        """Go on where the log now begins; what was before is retention loss."""
        topic, partition = message.topic(), message.partition()
        assert topic is not None  # narrows the types; an error of a partition names it
        assert partition is not None
        begin = self._cluster.begin(topic, partition)
        if begin <= position:
            raise InfrastructureError(
                f"Kafka at {self._access}: {topic}[{partition}] has no offset {position} though it begins at "
                f"{begin}: its log was cut at the end; look for an unclean leader election, then run ingest again"
            )
        reached = min(begin, next_offset)
        self._stand_at(topic, partition, reached)
        return replace(batch, lost=reached - position), reached

    def _check_incarnation(self, topic: str, topic_id: str) -> None:
        """The consumer reads by name: make sure that what it read belongs to the id it was read for."""
        if (present := self._cluster.topic_id(topic)) != topic_id:
            raise InfrastructureError(
                f"Kafka at {self._access}: {topic} had id {topic_id} when the drain began and has {present} now: "
                "it was deleted or made again; run ingest again"
            )

    def close(self) -> None:
        """Disconnect."""
        self._consumer.close()


def _next_size(batch: RecordBatch) -> int:
    """Records of the next batch, if they are as large as these."""
    if not batch.values:
        return _FIRST_BATCH_RECORDS
    size = sum(map(len, filter(None, batch.values)))
    return max(1, min(BATCH_RECORDS, _BATCH_BYTES * len(batch.values) // max(size, 1)))


def _offset_at_end(message: Message, error: KafkaError) -> int:
    """The log's end that an end-of-partition notice carries. Any other error is raised."""
    if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001  # the client's public constant
        raise KafkaException(error)
    offset = message.offset()
    return -1 if offset is None else offset


def _batch(records: Sequence[Message], next_offset: int) -> RecordBatch:
    """Those of the records that lie before `next_offset`, column by column: a call for each takes twice as long."""
    offsets = [record.offset() or 0 for record in records]  # only records not yet sent have none
    count = bisect_left(offsets, next_offset)
    records = records[:count]
    headers = _headers(records)
    attempts = [1] * count
    for place, found in headers.items():
        attempts[place] = _attempt(found or ())
    values = [record.value() for record in records]
    return RecordBatch(
        offsets[:count], values, [record.timestamp()[1] for record in records], attempts, headers=headers
    )


def _headers(records: Sequence[Message]) -> dict[int, Headers | None]:
    """Headers by place, None where a name is not UTF-8: the client raises then, and leaves a broken list behind.

    By `map`, which sees the error of each call. A call that the interpreter has specialised, as it does in a loop, does
    not: the error comes up anywhere later, and the broken list ends the process. For the same reason never ask twice.
    """
    found, unreadable = list[Any](), list[int]()
    reading = map(Message.headers, records)
    while len(found) < len(records):
        try:
            found.extend(reading)  # an error leaves what came before it
        except (SystemError, UnicodeDecodeError):
            unreadable.append(len(found))
            found.append(None)
    return {place: headers for place, headers in enumerate(found) if headers} | dict.fromkeys(unreadable)


def _attempt(headers: Headers) -> int:
    """The attempt that a replay says it is; anything else in the header counts as the first."""
    for name, value in headers:
        if name == ATTEMPT_HEADER and value and value.isdigit() and len(value) <= _MAX_ATTEMPT_DIGITS:
            return max(int(value), 1)
    return 1
