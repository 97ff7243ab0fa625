"""What producers of any language and habit write: headers, forms and codecs, over a real broker into a real lake."""

import pyarrow.compute as pc
import pytest
from kafka import KafkaProducer

from pipelines import dlq, ingest, reconcile
from pipelines.dlq import Selection
from tests.topics import create_topic, declaring, generations

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
