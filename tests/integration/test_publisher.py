"""From the spool to a real Kafka and back: nothing is lost while the broker is away, killed or slow (I7)."""

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from feedwheel_capture.access import KafkaAccess
from feedwheel_capture.errors import PublishFailed
from feedwheel_capture.events import Feedback, FeedbackValue
from feedwheel_capture.kafka import EventProducer
from feedwheel_capture.publisher import Publisher
from feedwheel_capture.recorder import Recorder, make_event, to_record
from feedwheel_capture.spool import Record, Spool
from kafka.admin import KafkaAdminClient, NewTopic

from feedback.capture.consumer import EventConsumer
from schemas.events import decode
from tests.conftest import Broker

pytestmark = pytest.mark.integration


def thumbs(number: int, app: str) -> Feedback:
    return Feedback(
        app=app, user_key=f"user-{number % 7}", user_key_id=1, split_bucket=number % 10_000, consent="content",
        feedback_id=f"feedback-{number}", kind="thumbs", value=FeedbackValue(rating=1.0, scale=(-1.0, 1.0)),
        response_id=f"response-{number}",
    )  # fmt: skip


def recorder(spool: Spool) -> Recorder:
    return Recorder("test", spool, lambda: datetime.now(UTC))


def consumed_ids(bootstrap: str, app: str) -> Counter[str]:
    ids: Counter[str] = Counter()
    with EventConsumer(KafkaAccess(bootstrap), ["feedwheel.feedback"]) as consumer:
        while not consumer.at_end():
            events = [decode(each.value, "feedwheel.feedback") for each in consumer.poll(0.2)]
            ids.update(event.id for event in events if event.data.app == app)
    return ids


def wait_until_empty(spool: Spool, timeout_s: float = 40) -> None:
    deadline = time.monotonic() + timeout_s
    while spool.depth and time.monotonic() < deadline:
        time.sleep(0.05)
    assert spool.depth == 0


def test_what_is_recorded_arrives_once_and_in_order_of_its_key(kafka: Broker, tmp_path: Path) -> None:
    with Spool(tmp_path / "spool") as spool:
        publisher = Publisher(spool, lambda: EventProducer(kafka.access))
        publisher.start()
        sent = [recorder(spool).record(thumbs(number, "arrives")) for number in range(500)]
        wait_until_empty(spool)
        publisher.close()
    assert consumed_ids(kafka.bootstrap, "arrives") == Counter(sent)


SHORT_PROGRAM = """
from feedwheel_capture import Capture
capture = Capture()
for number in range(3):
    capture.thumbs(f"r{number}", up=True, user="ann")
"""


def test_a_program_that_ends_at_once_has_sent_what_it_recorded(kafka: Broker, tmp_path: Path) -> None:
    keys = dict.fromkeys(("FEEDWHEEL_USER_KEY_LAYERS", "FEEDWHEEL_SPLIT_KEY"), "k" * 32)
    given = {"FEEDWHEEL_APP": "short", "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap, "FEEDWHEEL_CONSENT": "content"}
    environment = {**os.environ, **keys, **given, "FEEDWHEEL_CAPTURE_SPOOL": str(tmp_path / "spool")}
    done = subprocess.run([sys.executable, "-c", SHORT_PROGRAM], env=environment, check=True, capture_output=True)
    assert done.stderr == b""
    assert consumed_ids(kafka.bootstrap, "short").total() == 3


@pytest.mark.parametrize(
    ("limit", "size"),
    [(4_000, 6_000), (50_000, 60_000), (50_000, 1_100_000)],
    ids=["below a batch", "above a batch", "above any request"],
)
def test_what_is_too_large_for_kafka_is_counted_and_holds_up_nothing(
    kafka: Broker, tmp_path: Path, caplog: pytest.LogCaptureFixture, limit: int, size: int
) -> None:
    topic = f"takes-{limit}-not-{size}"
    with closing(KafkaAdminClient(bootstrap_servers=kafka.bootstrap)) as admin:
        admin.create_topics([NewTopic(topic, 1, 1, topic_configs={"max.message.bytes": f"{limit}"})])
    events = [Record(topic, "key", f"{number}".encode()) for number in range(100)]
    with Spool(tmp_path / "spool") as spool:
        spool.append(*events[:50], Record(topic, "key", os.urandom(size)), *events[50:])
        publisher = Publisher(spool, lambda: EventProducer(kafka.access))
        publisher.start()
        wait_until_empty(spool)
        spool.append(Record(topic, "key", b"after"))
        wait_until_empty(spool)
        publisher.close()
    assert publisher.refused == 1
    assert f"refused an event of {size} bytes for good: too_large" in caplog.text
    with EventConsumer(kafka.access, [topic]) as consumer:
        arrived: list[bytes | None] = []
        while not consumer.at_end():
            arrived += [each.value for each in consumer.poll(0.2)]
    assert set(arrived) == {*(event.value for event in events), b"after"}


@pytest.mark.slow
@pytest.mark.chaos
def test_a_killed_broker_delays_events_and_loses_none(own_kafka: Broker, tmp_path: Path) -> None:
    with Spool(tmp_path / "spool") as spool:
        publisher = Publisher(spool, lambda: EventProducer(own_kafka.access))
        publisher.start()
        sent = [recorder(spool).record(thumbs(number, "killed")) for number in range(200)]
        own_kafka.kill()
        started = time.monotonic()
        sent += [recorder(spool).record(thumbs(number, "killed")) for number in range(200, 400)]
        assert time.monotonic() - started < 5  # recording goes on at the speed of the disk
        assert spool.depth >= 200
        own_kafka.start()
        wait_until_empty(spool)
        publisher.close()
    # At least once on the wire; the id makes it exactly once downstream.
    assert set(consumed_ids(own_kafka.bootstrap, "killed")) == set(sent)


@pytest.mark.slow
@pytest.mark.chaos
def test_a_broker_that_answers_no_more_is_let_go(own_kafka: Broker) -> None:
    events = [make_event(thumbs(number, "silent"), "test", datetime.now(UTC)) for number in range(500)]
    threads = set(threading.enumerate())
    producer = EventProducer(own_kafka.access)
    producer.publish([to_record(event) for event in events])
    with own_kafka.silent():
        # Sent partition by partition: some expire before others, and after that kafka-python looks at none of them.
        with pytest.raises(PublishFailed):
            producer.publish(patiently(map(to_record, events)))
        started = time.monotonic()
        producer.close()
        assert time.monotonic() - started < 10
    assert set(threading.enumerate()) <= threads
    with EventProducer(own_kafka.access) as again:
        again.publish(map(to_record, events))


def patiently(records: Iterable[Record]) -> Iterator[Record]:
    for record in records:
        time.sleep(0.002)
        yield record


def test_a_new_process_goes_on_where_the_old_one_stopped(kafka: Broker, tmp_path: Path) -> None:
    with Spool(tmp_path / "spool") as spool:
        sent = [recorder(spool).record(thumbs(number, "restarted")) for number in range(50)]
    with Spool(tmp_path / "spool") as spool:
        publisher = Publisher(spool, lambda: EventProducer(kafka.access))
        publisher.start()
        wait_until_empty(spool)
        publisher.close()
    assert consumed_ids(kafka.bootstrap, "restarted") == Counter(sent)
