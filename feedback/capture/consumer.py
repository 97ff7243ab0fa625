"""Kafka for light readers, on kafka-python: the control log, and the evidence of a release.

In: access to a cluster, and topics to follow from their beginning. Out: consumed records in order. No consumer groups:
who reads decides where to start.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from feedwheel_capture.access import KafkaAccess
from feedwheel_capture.listening import is_refused
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaConnectionError, UnknownTopicOrPartitionError

_ANSWER_TIMEOUT_MS: Final = 5000
"""A broker says where its topics end in milliseconds; after this it counts as gone."""
_CONNECTING: Final = {"bootstrap_timeout_ms": 3000, "reconnect_backoff_max_ms": 1000}
"""How long connecting may take before the caller is told, and how late, at most, the end of an outage is noticed; the
client's defaults are 30 s for both."""


def _is_of_others(record: logging.LogRecord) -> bool:
    """Not what the library says of each attempt to connect on a thread of ours: whoever follows tells of the outage."""
    return not (record.threadName or "").startswith("feedwheel-")


for _name in ("kafka.net.manager", "kafka.net.connection"):
    logging.getLogger(_name).addFilter(_is_of_others)


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
        if is_refused(access):
            raise KafkaConnectionError(f"{access} refuses connections")
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
