"""What Prometheus is told of drains on a real broker: what was committed, what waits, and since when."""

import signal
import time
from collections.abc import Callable

import httpx
import pytest

from pipelines import ingest
from pipelines.context import Context
from pipelines.ingest.watch import Watch
from pipelines.io.prometheus import Samples, read_textfile
from schemas.errors import InfrastructureError, NothingToDo
from tests.ingest_processes import IngestProcesses, committed
from tests.ports import free_port
from tests.topics import create_topic, declaring, delete_records, generations, produce, produce_in_transaction

pytestmark = pytest.mark.integration

TABLE = "bronze/generations"


@pytest.fixture
def textfile(tmp_path):
    return tmp_path / "metrics" / "ingest.prom"


@pytest.fixture
def over(kafka, context, textfile) -> Callable[..., Context]:
    def make(topic: str, bootstrap: str = kafka.bootstrap) -> Context:
        base = context(kafka_bootstrap_servers=bootstrap, metrics_textfile=textfile)
        return declaring(base, {topic: "feedwheel.generations"})

    return make


def of(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((f"feedwheel_ingest_{name}", tuple(sorted(labels.items()))))


def test_a_drain_leaves_what_it_did_and_what_waits_and_the_next_counts_on(kafka, over, textfile):
    topic = create_topic(kafka.bootstrap)
    context = over(topic)
    values = [*generations(20), b"{", b"", None]
    produce(kafka.bootstrap, topic, values)
    produce_in_transaction(kafka.bootstrap, topic, generations(2), commit=False)
    ingest.run(context)
    first = read_textfile(textfile)
    assert of(first, "accepted_total", table=TABLE) == 20
    assert of(first, "rejected_total", table=TABLE, reason="not_json") == 2
    assert of(first, "rejected_total", table=TABLE, reason="contract") == 0, "there from the first, for increase()"
    assert of(first, "bytes_total", table=TABLE) == sum(map(len, filter(None, values)))
    assert of(first, "gaps_total", table=TABLE) == 3
    assert of(first, "commit_seconds_count", table=TABLE) == 1
    assert of(first, "commit_delay_seconds_count", table=TABLE) == 1
    assert 0 < of(first, "commit_delay_seconds_sum", table=TABLE) < 60
    assert of(first, "lag_offsets", topic=topic, partition="0") == 0
    assert of(first, "oldest_uncommitted_timestamp_seconds", topic=topic, partition="0") is None
    assert of(first, "as_of_timestamp_seconds") == ingest.as_of(context).timestamp()

    with pytest.raises(NothingToDo):
        ingest.run(context)
    produce(kafka.bootstrap, topic, generations(30, start=100))
    delete_records(kafka.bootstrap, topic, before=36)
    ingest.run(context)
    second = read_textfile(textfile)
    assert of(second, "lost_total", table=TABLE) == 10
    assert of(second, "accepted_total", table=TABLE) == 40
    assert of(second, "commit_delay_seconds_bucket", table=TABLE, le="+Inf") == 2
    assert of(second, "commit_seconds_count", table=TABLE) == 2


def test_a_drain_whose_look_failed_is_counted_by_the_next(kafka, over, textfile, monkeypatch):
    topic = create_topic(kafka.bootstrap)
    context = over(topic)

    def drain(first: int, count: int) -> Samples:
        produce(kafka.bootstrap, topic, generations(count, start=first))
        ingest.run(context)
        return read_textfile(textfile)

    drain(0, 10)
    with monkeypatch.context() as patched:
        patched.setattr(Watch, "look", lambda _: 1 / 0)
        unseen = drain(10, 20)
    assert of(unseen, "accepted_total", table=TABLE) == 10
    assert of(drain(30, 5), "accepted_total", table=TABLE) == 35


def test_what_waits_is_told_with_its_age_and_nothing_old_while_kafka_is_away(kafka, over, textfile):
    topic = create_topic(kafka.bootstrap, partitions=2)
    context = over(topic)
    produce(kafka.bootstrap, topic, generations(5))
    ingest.run(context)
    produced_at = time.time()
    produce(kafka.bootstrap, topic, generations(7, start=5), partition=1)
    time.sleep(0.05)
    produce(kafka.bootstrap, topic, generations(1, start=20), partition=1)
    with pytest.raises(NothingToDo):
        ingest.run(context, stop=lambda: True)  # it ends before its first round
    waits = read_textfile(textfile)
    assert [of(waits, "lag_offsets", topic=topic, partition=number) for number in "01"] == [0, 8]
    oldest = of(waits, "oldest_uncommitted_timestamp_seconds", topic=topic, partition="1")
    assert produced_at - 0.05 <= oldest < produced_at + 0.05 + 5, "the first of them, by Kafka's clock"
    assert of(waits, "kafka_up") == 1

    with pytest.raises(InfrastructureError):
        ingest.run(over(topic, f"127.0.0.1:{free_port()}"))
    away = read_textfile(textfile)
    assert of(away, "kafka_up") == 0
    assert not [name for name, _ in away if "lag" in name or "oldest" in name]
    assert of(away, "accepted_total", table=TABLE) == 5


@pytest.mark.slow
def test_what_follows_answers_prometheus(kafka, over, tmp_path):
    topic, port = create_topic(kafka.bootstrap), free_port()
    context = over(topic)
    processes = IngestProcesses(context, topic, tmp_path)
    process = processes("--follow", "--max-age=0.5", f"--metrics-port={port}")
    try:
        wanted = f'feedwheel_ingest_rejected_total{{reason="not_json",table="{TABLE}"}} 1.0'
        deadline, sent, text = time.monotonic() + 60, False, ""
        while wanted not in text:
            assert process.poll() is None, processes.said(process)
            assert time.monotonic() < deadline, text
            text = scraped(port)
            if "kafka_up 1.0" in text and not sent:  # what was committed before it looked is not its to count
                produce(kafka.bootstrap, topic, [*generations(4), b"{"])
                sent = True
            time.sleep(0.1)
        assert f'feedwheel_ingest_accepted_total{{table="{TABLE}"}} 4.0' in text
        assert f'feedwheel_ingest_commit_seconds_count{{table="{TABLE}"}} ' in text
        assert committed(context) == 5
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, processes.said(process)
    finally:
        processes.end()


def scraped(port: int) -> str:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
    except httpx.HTTPError:
        return ""
