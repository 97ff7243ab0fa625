"""What producers of any language and habit write: headers, forms and codecs, over a real broker into a real lake."""

import json
from pathlib import Path

import pyarrow.compute as pc
import pytest
from confluent_kafka import Consumer, TopicPartition
from feedwheel_capture.events import encode
from kafka import KafkaProducer

from pipelines import dlq, ingest, reconcile
from pipelines.dlq import Selection
from pipelines.io.kafka import Outgoing, publish
from pipelines.io.kafka_ranges import ATTEMPT_HEADER
from schemas.errors import InfrastructureError
from tests.avro import body, framed, local_registry, schema_of
from tests.events import generation
from tests.topics import create_topic, declaring, event, generations, produce

pytestmark = pytest.mark.integration

TABLE = "bronze/generations"


@pytest.fixture
def topic(kafka):
    return create_topic(kafka.bootstrap)


@pytest.fixture
def over(kafka, context, topic):
    """A context whose only topic is the test's own, of generations unless said otherwise."""

    def make(maps_to="feedwheel.generations", trusted=True, **settings):
        made = context(kafka_bootstrap_servers=kafka.bootstrap, **settings)
        return declaring(made, {topic: maps_to}, trusted=trusted)

    return make


def rows(context, status, *columns):
    found = context.lake.read(TABLE, ["offset", *columns], pc.field("status") == status)
    return found.sort_by("offset").to_pylist()


def read(kafka, topic, offset):
    """Messages of the topic's only partition from an offset on."""
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "test", "enable.partition.eof": True})
    consumer.assign([TopicPartition(topic, 0, offset)])
    found = []
    while (message := consumer.poll(10)) is not None and message.error() is None:
        found.append(message)
    consumer.close()
    return found


class Latin1(str):
    """A name that reaches the wire in another encoding, as clients that take names as bytes let it."""

    def encode(self, *_):
        return super().encode("latin-1")


def test_a_header_name_that_is_not_utf8_stops_nothing_and_loses_nothing(kafka, over, topic):
    """Many, among many: the client's error shows differently once the interpreter has specialised the call."""
    context, events = over(), generations(600)
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, linger_ms=50)
    for number, value in enumerate(events):
        names = [Latin1("prénom")] if number % 3 == 1 else ["name"] if number % 3 else []
        producer.send(topic, value, headers=[(name, b"x") for name in names], partition=0)
    producer.flush()
    producer.close()

    report = ingest.run(context)

    assert (report.accepted, report.rejected) == ({"routing": 400}, {"unreadable_headers": 200})
    assert reconcile.run(context).exact
    assert {row["offset"] for row in rows(context, "rejected")} == set(range(1, 600, 3))
    (letter, *_) = dlq.list_letters(context, Selection(reason="unreadable_headers"))
    (opened,) = dlq.show(context, letter.key, payload=True)
    assert opened.text == events[letter.offset].decode()
    assert dlq.replay(context, Selection(), dry_run=False).replayed == 200
    assert ingest.run(context).accepted == {"routing": 200}


def test_an_event_in_binary_mode_is_taken_in_and_a_rejected_one_is_sent_again_with_its_headers(kafka, over, topic):
    context = over()
    whole = [json.loads(value) for value in generations(4)]
    headers = [
        [(f"ce_{name}", text.encode()) for name, text in event.items() if isinstance(text, str)] for event in whole
    ]
    headers[1] = [
        ("ce_type", b"feedwheel.generation.v2") if name == "ce_type" else (name, of) for name, of in headers[1]
    ]
    headers[2] = [("ce_subject", b"\xff") if name == "ce_subject" else (name, of) for name, of in headers[2]]
    sent = [
        Outgoing(topic, None, json.dumps(event["data"]).encode(), tuple(of), 0)
        for event, of in zip(whole, headers, strict=True)
    ]
    publish(kafka.bootstrap, sent)

    report = ingest.run(context)

    assert (report.accepted, report.rejected) == ({"routing": 2}, {"unsupported_version": 1, "bad_headers": 1})
    accepted = rows(context, "accepted", "event_id", "event_subject", "response_id")
    assert [row["event_id"] for row in accepted] == ["event-0", "event-3"]
    assert accepted[0]["event_subject"] == whole[0]["subject"]
    for path in Path(context.lake.url).rglob("*.parquet"):
        assert b"generation.v2" not in path.read_bytes(), "headers of a rejected record rest encrypted"
    (letter,) = dlq.list_letters(context, Selection(reason="unsupported_version"))
    (opened,) = dlq.show(context, letter.key, payload=True)
    assert "ce_type: feedwheel.generation.v2\n" in opened.text

    assert dlq.replay(context, Selection(), dry_run=False).replayed == 2
    assert sorted(message.headers() for message in read(kafka, topic, 4)) == sorted(
        [*of, (ATTEMPT_HEADER, b"2")] for of in headers[1:3]
    )


def test_avro_waits_for_its_registry_and_is_taken_in_beside_json(kafka, over, topic):
    answers = [event(generation(f"a{number}", redactor="pattern/3"), f"event-{number}") for number in range(3)]
    with local_registry() as registry:
        context = over(schema_registry_url=registry.url)
        schema_id = registry.register(schema_of(answers[0]))
        in_avro = [framed(schema_id, body(answer)) for answer in answers]
        produce(kafka.bootstrap, topic, [in_avro[0], encode(answers[1]), in_avro[2], framed(77, in_avro[0])])
        registry.fails = 503
        with pytest.raises(InfrastructureError, match=r"schema registry at .* status 503"):
            ingest.run(context)
        assert context.lake.open(TABLE).version() == 0, "nothing is committed"
        registry.fails = None
        report = ingest.run(context)
    assert (report.accepted, report.rejected) == ({"routing": 3}, {"unknown_schema": 1})
    assert [row["event_id"] for row in rows(context, "accepted", "event_id")] == ["event-0", "event-1", "event-2"]
    assert reconcile.run(context).exact


def test_avro_that_came_before_its_registry_is_sent_again_byte_by_byte(kafka, over, topic):
    answer = event(generation("a0", redactor="pattern/3"), "event-0")
    with local_registry() as registry:
        value = framed(registry.register(schema_of(answer)), body(answer))
        produce(kafka.bootstrap, topic, [value])
        context = over()
        assert ingest.run(context).rejected == {"no_registry": 1}
        assert dlq.replay(context, Selection(reason="no_registry"), dry_run=False).replayed == 1
        assert ingest.run(over(schema_registry_url=registry.url)).accepted == {"routing": 1}
