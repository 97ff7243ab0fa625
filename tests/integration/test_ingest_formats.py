"""What producers of any language and habit write: headers, forms and codecs, over a real broker into a real lake."""

import json
import re
import shutil
import tomllib
from pathlib import Path

import pyarrow.compute as pc
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from feedwheel_capture.events import encode
from feedwheel_capture.identity import Identity
from kafka import KafkaProducer

from pipelines import dlq, ingest, reconcile
from pipelines.dlq import Selection
from pipelines.ingest.drain import Pace
from pipelines.io.kafka_ranges import ATTEMPT_HEADER
from pipelines.stack.paths import REPOSITORY
from schemas import events
from schemas.errors import InfrastructureError
from tests.avro import body, framed, local_registry, schema_of
from tests.conftest import TEST_SECRETS
from tests.events import generation
from tests.topics import declaring, event, generations, produce, recreate_topic

pytestmark = pytest.mark.integration

TABLE = "bronze/generations"


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


def send(kafka, topic, records, **options):
    """Append values with headers to the topic's only partition."""
    producer = Producer({"bootstrap.servers": kafka.bootstrap, **options})
    for value, headers in records:
        producer.produce(topic, value=value, headers=headers, partition=0)
    assert producer.flush(30) == 0


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
    headers, values = map(list, zip(*map(in_binary_mode, generations(4)), strict=True))
    headers[1] = [(name, b"feedwheel.generation.v2" if name == "ce_type" else text) for name, text in headers[1]]
    headers[2] = [(name, b"\xff" if name == "ce_subject" else text) for name, text in headers[2]]
    send(kafka, topic, zip(values, headers, strict=True))

    report = ingest.run(context)

    assert (report.accepted, report.rejected) == ({"routing": 2}, {"unsupported_version": 1, "bad_headers": 1})
    accepted = rows(context, "accepted", "event_id", "event_subject", "response_id")
    assert [row["event_id"] for row in accepted] == ["event-0", "event-3"]
    assert accepted[0]["event_subject"] == dict(headers[0])["ce_subject"].decode()
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


def in_binary_mode(value):
    """Headers and value of a whole event."""
    document = json.loads(value)
    headers = [(f"ce_{name}", text.encode()) for name, text in document.items() if isinstance(text, str)]
    return headers, json.dumps(document["data"]).encode()


CODECS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
"""As Kafka numbers them in the attributes of a batch."""


@pytest.mark.parametrize("codec", CODECS)
def test_batches_of_every_codec_and_form_are_read(kafka, over, topic, codec):
    whole = [event(generation(f"a{number}", redactor="pattern/3"), f"event-{number}") for number in range(300)]
    with local_registry() as registry:
        schema_id = registry.register(schema_of(whole[0]))
        records = []
        for number, sent in enumerate(whole):
            headers, value = in_binary_mode(encode(sent)) if number % 3 == 1 else (None, encode(sent))
            records.append((framed(schema_id, body(sent)) if number % 3 == 2 else value, headers))
        send(kafka, topic, records, **{"compression.type": codec, "linger.ms": 200})
        context = over(schema_registry_url=registry.url)
        report = ingest.run(context, pace=Pace(range_offsets=170))
    assert (report.accepted, report.rejected) == ({"routing": 300}, {})
    assert [row["event_id"] for row in rows(context, "accepted", "event_id")] == [each.id for each in whole]
    (segment,) = kafka.settings.home.rglob(f"{topic}-0/*.log")
    assert segment.read_bytes()[22] & 0b111 == CODECS[codec], "the batch rests as its producer compressed it"


def test_a_newer_major_is_rejected_and_taken_in_once_we_know_it(kafka, over, topic, monkeypatch):
    context = over()
    newer = [value.replace(b"generation.v1", b"generation.v2") for value in generations(3)]
    headers, data = in_binary_mode(newer[1])
    send(kafka, topic, [(newer[0], None), (data, headers), (newer[2], None)])
    assert ingest.run(context).rejected == {"unsupported_version": 3}
    (letter, *_) = dlq.list_letters(context, Selection(reason="unsupported_version"))
    assert letter.detail == "major 2, this reader knows 1"

    for known in (events._DECODERS, events._RECORD_INFO, events._TOPIC_OF_TYPE):  # the upgrade
        monkeypatch.setitem(known, "feedwheel.generation.v2", known["feedwheel.generation.v1"])
    assert dlq.replay(context, Selection(reason="unsupported_version"), dry_run=False).replayed == 3
    assert ingest.run(context).accepted == {"routing": 3}
    accepted = rows(context, "accepted", "event_id", "event_type")
    assert sorted(row["event_id"] for row in accepted) == ["event-0", "event-1", "event-2"]
    assert {row["event_type"] for row in accepted} == {"feedwheel.generation.v2"}
    assert reconcile.run(context).exact


def test_the_guide_to_producing_runs_as_it_stands(kafka, context, monkeypatch, tmp_path):
    """The Python of docs/producing.md, with a topic as its configuration declares it."""
    guide = (REPOSITORY / "docs" / "producing.md").read_text(encoding="utf-8")
    ((name, declared),) = tomllib.loads("".join(re.findall(r"```toml\n(.*?)```", guide, re.DOTALL)))["topics"].items()
    recreate_topic(kafka.bootstrap, name)
    shutil.copy(REPOSITORY / "schemas" / "published" / "v1" / "feedwheel.feedback.avsc", tmp_path)
    with local_registry() as registry:
        made = context(kafka_bootstrap_servers=kafka.bootstrap, schema_registry_url=registry.url)
        for setting, value in {
            "FEEDWHEEL_USER_KEY_LAYERS": "first-layer-of-keys,second-layer-of-keys",
            "FEEDWHEEL_SPLIT_KEY": TEST_SECRETS["split_key"],
            "FEEDWHEEL_SCHEMA_REGISTRY_URL": registry.url,
            "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap,
        }.items():
            monkeypatch.setenv(setting, value)
        exec("".join(re.findall(r"```python\n(.*?)```", guide, re.DOTALL)), {})
        made = declaring(made, {name: declared["maps_to"]}, trusted=declared["trusted"])
        report = ingest.run(made)
    assert (report.accepted, report.rejected, report.redactions) == ({"routing": 3}, {}, {"redacted": 3})
    found = made.lake.read("bronze/feedback").sort_by("response_id").to_pylist()
    assert [row["response_id"] for row in found] == ["chatcmpl-1", "chatcmpl-2", "chatcmpl-3"]
    identity = Identity(["first-layer-of-keys", "second-layer-of-keys"], TEST_SECRETS["split_key"])
    ann = identity.person("routing", "ann", "")
    assert {(row["user_key"], row["user_key_id"], row["split_bucket"]) for row in found} == {
        (ann.user_key, ann.user_key_id, ann.split_bucket)
    }
