"""When the records at given offsets were appended, without reading what is behind them.

In: an offset of each partition. Out: the append time of the first record there or after it.
"""

import time
from collections.abc import Mapping
from typing import Final

from confluent_kafka import Consumer, TopicPartition
from feedwheel_capture.access import KafkaAccess

from pipelines.io.kafka import broker_errors, client_options

_PATIENCE_S: Final = 2.0
"""A healthy cluster gives the first records in tens of milliseconds; a gap at the end of a log gives none."""
_POLL_S: Final = 0.1

TopicAndPartition = tuple[str, int]


def append_times(access: KafkaAccess, offsets: Mapping[TopicAndPartition, int]) -> dict[TopicAndPartition, float]:
    """Seconds since the epoch, of those partitions that had a record to give. Raises InfrastructureError."""
    if not offsets:
        return {}
    consumer = Consumer(
        client_options(access)
        | {
            "group.id": "feedwheel-metrics",  # the client demands one; we neither subscribe nor commit
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",  # what was deleted meanwhile is not the oldest any more
            "isolation.level": "read_committed",
            "allow.auto.create.topics": False,
            "fetch.message.max.bytes": 1,  # a broker gives the first batch whatever its size, and no second one
            "queued.min.messages": 1,
        }
    )
    found: dict[TopicAndPartition, float] = {}
    deadline = time.monotonic() + _PATIENCE_S
    with broker_errors(access):
        try:
            consumer.assign([TopicPartition(topic, number, offset) for (topic, number), offset in offsets.items()])
            while len(found) < len(offsets) and time.monotonic() < deadline:
                for message in consumer.consume(len(offsets), _POLL_S):
                    where = (message.topic(), message.partition())
                    if message.error() is None and where[0] is not None and where[1] is not None:
                        found.setdefault((where[0], where[1]), message.timestamp()[1] / 1000)
        finally:
            consumer.close()
    return found
