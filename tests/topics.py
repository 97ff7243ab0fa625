"""Topics of a test's own on the shared broker, what is written to them, and contexts that ingest them."""

import dataclasses
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from feedwheel_capture.access import KafkaAccess
from feedwheel_capture.catalogue import TopicName, event_type
from feedwheel_capture.events import Event, encode

from pipelines.context import Context
from pipelines.io.kafka import Cluster, Outgoing, publish
from schemas.config import Topic
from tests.events import generation

SENT_AT = datetime(2026, 1, 5, 11, tzinfo=UTC)


def event(data: Any, event_id: str | None = None, **fields: Any) -> Event[Any]:
    """An envelope around a record."""
    defaults: dict[str, Any] = {
        "id": event_id or str(uuid.uuid4()),
        "source": "app",
        "type": event_type(data).versioned_name,
        "time": SENT_AT,
        "subject": getattr(data, "conversation_id", None),
    }
    return Event(data=data, **{**defaults, **fields})


def generations(count: int, start: int = 0, **fields: Any) -> list[bytes]:
    """Events of answers a<start>, a<start + 1>, ...; their ids are the answers'."""
    return [
        encode(
            event(
                generation(f"a{number}", redactor="pattern/1", **fields),
                f"event-{number}",
                time=SENT_AT + timedelta(seconds=number),
            )
        )
        for number in range(start, start + count)
    ]


def create_topic(bootstrap: str, partitions: int = 1, replicas: int = 1, **config: str) -> str:
    """A new topic with a name of its own."""
    name = f"test.{uuid.uuid4().hex[:12]}"
    recreate_topic(bootstrap, name, partitions, replicas, **config)
    return name


def recreate_topic(bootstrap: str, name: str, partitions: int = 1, replicas: int = 1, **config: str) -> None:
    """Create a topic of that name, deleting the one that has it."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    if name in admin.list_topics(timeout=10).topics:
        admin.delete_topics([name])[name].result()
    while True:
        try:
            created = admin.create_topics([NewTopic(name, partitions, replicas, config=config)])
            created[name].result()
        except Exception as error:  # the deletion may not have reached every part of the broker yet
            if "TOPIC_ALREADY_EXISTS" not in str(error):
                raise
        else:
            return


def produce(bootstrap: str, topic: str, values: Iterable[bytes | None], partition: int = 0) -> None:
    """Append values to one partition."""
    publish(KafkaAccess(bootstrap), (Outgoing(topic, b"key", value, partition=partition) for value in values))


def produce_in_transaction(bootstrap: str, topic: str, values: Sequence[bytes], *, commit: bool) -> None:
    """Append values to partition 0 and a marker; without `commit` readers never see the values.

    Returns when the marker is there: the coordinator answers before it has written it.
    """
    cluster = Cluster(KafkaAccess(bootstrap))
    view = cluster.view([topic]).topics[topic]
    end = cluster.bounds(view)[0].end + len(values) + 1
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": uuid.uuid4().hex})
    producer.init_transactions()
    producer.begin_transaction()
    for value in values:
        producer.produce(topic, value=value, partition=0)
    producer.flush()
    producer.commit_transaction() if commit else producer.abort_transaction()
    while cluster.bounds(view)[0].end < end:
        time.sleep(0.01)


def delete_records(bootstrap: str, topic: str, before: int, partition: int = 0) -> None:
    """Delete what lies before an offset, as retention would."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    position = TopicPartition(topic, partition, before)
    admin.delete_records([position])[position].result()


def declaring(context: Context, topics: Mapping[str, TopicName], *, trusted: bool = True) -> Context:
    """The context with exactly these topics in its product configuration."""
    declared = {name: Topic(maps_to=maps_to, trusted=trusted) for name, maps_to in topics.items()}
    return dataclasses.replace(context, config=context.config.model_copy(update={"topics": declared}))
