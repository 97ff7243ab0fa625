"""Kafka for producers and light readers, on kafka-python: the rest of the client knows only records.

In: access to a cluster; spool records to publish, or topics to follow from their beginning. Out: acknowledgements from
all in-sync replicas, or consumed records in order. No consumer groups: who reads decides where to start.
"""

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import (
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    UnknownTopicOrPartitionError,
)

from feedwheel_capture.access import KafkaAccess
from feedwheel_capture.errors import PublishFailed
from feedwheel_capture.spool import Record

_LOG: Final = logging.getLogger(__name__)
_ACKNOWLEDGE_TIMEOUT_S: Final = 10.0
"""A batch that a healthy cluster takes is acknowledged in milliseconds; after this it is sent again."""
_PUBLISH_TIMEOUT_S: Final = 2 * _ACKNOWLEDGE_TIMEOUT_S
"""Longer than any record should wait, so that most failures come with their own reason."""

_ANSWER_TIMEOUT_MS: Final = 5000
"""A broker says where its topics end in milliseconds; after this it counts as gone."""

_CONNECTING: Final = {"bootstrap_timeout_ms": 3000, "reconnect_backoff_max_ms": 1000}
"""How long connecting may take before the caller is told, and how late, at most, the end of an outage is noticed; the
client's defaults are 30 s for both."""


def _is_of_others(record: logging.LogRecord) -> bool:
    """Not what the library says of each attempt to connect on a thread of ours: the publisher tells of the outage."""
    return not (record.threadName or "").startswith("feedwheel-")


for _name in ("kafka.net.manager", "kafka.net.connection"):
    logging.getLogger(_name).addFilter(_is_of_others)


class EventProducer:
    """Publishes records with acks=all, in order per partition, without repeats within one connection."""

    def __init__(self, access: KafkaAccess) -> None:
        """Connect. Raises PublishFailed if no broker answers, SettingsWrong if a file of `access` cannot be read."""
        self._access = access
        self._producer = self._connected()

    def publish(self, records: Iterable[Record]) -> int:
        """Send records and wait until all are acknowledged, or refused for good because of their size: how many.

        Raises PublishFailed if any is neither.
        """
        records = list(records)
        try:
            self._send(records)
        except (MessageSizeTooLargeError, RecordListTooLargeError):
            # An idempotent producer ends with it, and says the same of all that it still had: find the one to blame.
            self.close()
            self._producer = self._connected()
            if len(records) > 1:
                middle = len(records) // 2
                return self.publish(records[:middle]) + self.publish(records[middle:])
            _LOG.error("Kafka refused an event of %d bytes for good: too_large", len(records[0].value))
            return 1
        except KafkaError as error:
            raise PublishFailed(type(error).__name__) from error
        return 0

    def _send(self, records: Sequence[Record]) -> None:
        """Raises KafkaError unless every record is acknowledged in time."""
        sent = [self._producer.send(record.topic, key=record.key.encode(), value=record.value) for record in records]
        # Not `flush`, which gives up when a batch is split because it is too large.
        deadline = time.monotonic() + _PUBLISH_TIMEOUT_S
        for future in sent:
            future.get(timeout=max(0.0, deadline - time.monotonic()))

    def _connected(self) -> KafkaProducer:
        try:
            return KafkaProducer(
                **self._access.kafka_python(),
                compression_type="lz4",
                linger_ms=5,
                max_block_ms=int(_ACKNOWLEDGE_TIMEOUT_S * 1000),
                delivery_timeout_ms=int(_ACKNOWLEDGE_TIMEOUT_S * 1000),
                request_timeout_ms=int(_ACKNOWLEDGE_TIMEOUT_S * 500),
                **_CONNECTING,
            )
        except KafkaError as error:
            raise PublishFailed(f"{self._access}: {type(error).__name__}") from error

    def close(self) -> None:
        """Disconnect at once: what `publish` returned for is safe, the rest is its caller's to send again.

        Raises PublishFailed if the connection cannot be let go.
        """
        # An idempotent producer that lost its id expires no record until a broker gives it a new one; a plain close
        # waits for those records, gives up, and leaves its thread behind to send them at any later time.
        self._producer._sender.force_close()  # noqa: SLF001 - kafka-python has no public way to give records up
        try:
            self._producer.close(timeout=_PUBLISH_TIMEOUT_S)
        except KafkaError as error:
            raise PublishFailed(type(error).__name__) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class Consumed:
    """One record as it lies in the log."""

    topic: str
    partition: int
    offset: int
    value: bytes | None


class EventConsumer:
    """Follows whole topics by assignment: every partition from its beginning, or from given offsets."""

    def __init__(self, access: KafkaAccess, topics: Sequence[str]) -> None:
        """Connect and stand at the beginning of each topic, which must exist.

        Raises kafka.errors.KafkaError, SettingsWrong if a file of `access` cannot be read.
        """
        self._consumer = KafkaConsumer(
            **access.kafka_python(),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            **_CONNECTING,
        )
        self._partitions = [
            TopicPartition(topic, partition)
            for topic in topics
            for partition in sorted(self._consumer.partitions_for_topic(topic) or ())
        ]
        if missing := set(topics) - {partition.topic for partition in self._partitions}:
            self._consumer.close()
            raise UnknownTopicOrPartitionError(f"{access} has no topic {', '.join(sorted(missing))}")
        self._consumer.assign(self._partitions)
        self._consumer.seek_to_beginning(*self._partitions)

    def seek(self, topic: str, partition: int, offset: int) -> None:
        """Go on from `offset` in one partition."""
        self._consumer.seek(TopicPartition(topic, partition), offset)

    def seek_to_time(self, instant: datetime) -> None:
        """Go on, in every partition, from the first record that was appended at `instant` or later."""
        wanted = dict.fromkeys(self._partitions, int(instant.timestamp() * 1000))
        found = self._consumer.offsets_for_times(wanted, timeout_ms=_ANSWER_TIMEOUT_MS)
        ends = self._consumer.end_offsets(self._partitions, timeout_ms=_ANSWER_TIMEOUT_MS)
        for partition in self._partitions:
            offset = found.get(partition)
            self._consumer.seek(partition, ends[partition] if offset is None else offset.offset)

    def poll(self, timeout_s: float, max_records: int = 500) -> list[Consumed]:
        """Records that have come, in order within each partition; empty after `timeout_s`."""
        batches = self._consumer.poll(timeout_ms=int(timeout_s * 1000), max_records=max_records)
        return [
            Consumed(record.topic, record.partition, record.offset, record.value)
            for records in batches.values()
            for record in records
        ]

    def at_end(self) -> bool:
        """Whether everything that the topics held when this was asked has been polled. Raises KafkaError."""
        ends = self._consumer.end_offsets(self._partitions, timeout_ms=_ANSWER_TIMEOUT_MS)
        return all(self._consumer.position(partition) >= end for partition, end in ends.items())

    def close(self) -> None:
        """Disconnect."""
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()
