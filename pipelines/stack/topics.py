"""The topics of a deployment: partitions and retention of each name of the catalogue."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from feedwheel_capture.catalogue import DLQ_TOPIC, TopicName

from pipelines.io.kafka_admin import TopicSpec

RETENTION: Final = timedelta(days=7)
"""How long text rests in Kafka, hence how long its erasure there may take."""

_PARTITIONS: Final[Mapping[TopicName, int]] = {
    "feedwheel.generations": 4,
    "feedwheel.feedback": 4,
    "feedwheel.privacy": 1,  # grants and revocations of one person must keep their order
    "feedwheel.control": 1,  # the rollout state is a fold of this log: one order, for ever
}
TOPIC_SPECS: Final = (
    *(
        TopicSpec(name, partitions, None if name == "feedwheel.control" else RETENTION)
        for name, partitions in _PARTITIONS.items()
    ),
    TopicSpec(DLQ_TOPIC, 1, RETENTION),
)
