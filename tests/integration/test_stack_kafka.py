"""The local broker: its topics, and that it keeps port and data over stop and crash."""

import pytest
from feedwheel_capture.catalogue import DLQ_TOPIC, TOPICS
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from pipelines.io.kafka_admin import admin_client, answers, create_topics
from pipelines.stack.topics import TOPIC_SPECS

pytestmark = pytest.mark.integration


def test_topics_have_their_partitions(kafka):
    with admin_client(kafka.access) as client:
        partitions = {t["name"]: len(t["partitions"]) for t in client.describe_topics([*TOPICS, DLQ_TOPIC])}
    assert partitions == {
        "feedwheel.generations": 4,
        "feedwheel.feedback": 4,
        "feedwheel.privacy": 1,
        "feedwheel.control": 1,
        "feedwheel.dlq": 1,
    }


def test_creating_topics_again_changes_nothing(kafka):
    assert create_topics(kafka.access, TOPIC_SPECS) == []


def test_data_survive_stop_and_crash(own_kafka):
    partition = TopicPartition("feedwheel.privacy", 0)
    with KafkaProducer(bootstrap_servers=own_kafka.bootstrap) as producer:
        producer.send(partition.topic, b"kept").get(10)
    own_kafka.kill()
    assert not answers(own_kafka.access, timeout_s=1)
    own_kafka.start()
    own_kafka.stop()
    own_kafka.start()
    with KafkaConsumer(bootstrap_servers=own_kafka.bootstrap) as consumer:
        consumer.assign([partition])
        consumer.seek_to_beginning(partition)
        records = consumer.poll(timeout_ms=10_000)[partition]
    assert [record.value for record in records] == [b"kept"]
