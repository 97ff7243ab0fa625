"""The stream on a real Flink, killed with SIGKILL: its worker, its job server, and while a drain reads the same topic.

Nothing survives a kill but the tables: every restart is a new job on a Flink that knows nothing. `KILLS=20` in the
environment: so many kills, of worker and job server in turn.
"""

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime

import httpx
import pytest
from confluent_kafka.admin import AdminClient, NewPartitions

from pipelines import ingest, reconcile
from pipelines.context import Context
from pipelines.ingest.commit import RUN_KEY
from schemas.errors import NothingToDo
from tests.conftest import JAR_CACHE
from tests.flink import JobServer, job_server
from tests.ingest_processes import (
    ABORTED,
    PARTITIONS,
    TABLE,
    IngestProcesses,
    assert_everything_once,
    committed,
    counted,
    topic_of_events,
)
from tests.ports import free_port
from tests.topics import declaring, generations, produce

KILLS = int(os.environ.get("KILLS", "2"))
EVENTS = 50_000 * KILLS
EVERYTHING = EVENTS + ABORTED + 1
KILLED_AFTER = 10_000
"""Offsets that a worker commits at the least before it is killed, while three times as many may be on their way."""

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(180 + 30 * KILLS)]

PACE = ("--range-offsets=2000", "--round-ranges=8", "--max-age=1")
"""Slow enough to be killed in the middle."""
STREAM = ("--runner=flink", *PACE)


@pytest.fixture
def topic(kafka) -> str:
    return topic_of_events(kafka.bootstrap, EVENTS)


@pytest.fixture
def lake_of_topic(kafka, topic, context) -> Context:
    return declaring(context(kafka_bootstrap_servers=kafka.bootstrap), {topic: "feedwheel.generations"})


@pytest.fixture
def flink(tmp_path) -> Iterator[JobServer]:
    server = job_server(tmp_path / "flink", JAR_CACHE)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def processes(lake_of_topic, topic, tmp_path) -> Iterator[IngestProcesses]:
    started = IngestProcesses(lake_of_topic, topic, tmp_path)
    yield started
    started.end()


@pytest.fixture
def stream(processes, flink) -> Callable[..., subprocess.Popen[bytes]]:
    """Submit the stream from nothing; the process is its worker too."""
    variables = {"FEEDWHEEL_FLINK_JOB_ENDPOINT": flink.endpoint, "FEEDWHEEL_BEAM_OPTIONS": "--parallelism=2"}
    return lambda *options: processes(*STREAM, *options, **variables)


@pytest.fixture
def looks(lake_of_topic) -> Iterator[list[int]]:
    """Rows of each look at the table while the test runs; there is never a row twice, nor one less."""
    over, counts, failures = threading.Event(), list[int](), list[str]()

    def look() -> None:
        pause_s = 0.2
        while not over.wait(pause_s):
            began = time.monotonic()
            try:
                rows = lake_of_topic.lake.read(TABLE, ["partition", "offset"])
                distinct = rows.group_by(["partition", "offset"]).aggregate([]).num_rows
                assert distinct == rows.num_rows >= max(counts, default=0)
                counts.append(distinct)
            except Exception as error:
                failures.append(repr(error))
            pause_s = max(0.2, 4 * (time.monotonic() - began))  # a look at a large table must not take all of a core

    lake_of_topic.lake.open(TABLE)
    thread = threading.Thread(target=look)
    thread.start()
    yield counts
    over.set()
    thread.join()
    assert not failures


def wait_until(context: Context, offsets: int, processes: IngestProcesses, process: subprocess.Popen[bytes]) -> None:
    while committed(context) < offsets:
        assert process.poll() is None, processes.said(process)
        time.sleep(0.1)


def test_kills_of_worker_and_job_server_lose_and_repeat_nothing(lake_of_topic, processes, stream, flink, looks):
    context, reached = lake_of_topic, 0
    worker = stream()
    for number in range(KILLS):
        wait_until(context, reached + KILLED_AFTER, processes, worker)
        if number % 2 == 0:  # the job is still known to Flink, and nobody works for it
            worker.kill()
            assert worker.wait(10) == -signal.SIGKILL
        else:
            flink.kill()
            assert worker.wait(30) == 1
            assert f"the Flink job server at {flink.endpoint} does not answer" in processes.said(worker)
            flink.start()
        before, reached = reached, committed(context)
        assert before < reached < EVENTS
        assert reconcile.run(context).exact, "at every moment"
        worker = stream()
    wait_until(context, EVERYTHING, processes, worker)
    assert_everything_once(context, EVENTS)
    assert len({commit[RUN_KEY] for commit in context.lake.open(TABLE).history() if RUN_KEY in commit}) == KILLS + 1
    assert len(looks) > 20
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0, processes.said(worker)
    with suppress(NothingToDo):
        ingest.run(context)
    assert counted(context) == EVENTS, "by workers that died, and what they left by who came after them"


def test_a_drain_at_the_same_time_is_fenced_and_new_partitions_are_found(
    kafka, topic, lake_of_topic, processes, stream, looks
):
    context, port = lake_of_topic, free_port()
    worker = stream(f"--metrics-port={port}")
    wait_until(context, 1, processes, worker)
    drain = processes(*PACE)
    wait_until(context, EVERYTHING, processes, worker)
    assert drain.wait(60) == 0, processes.said(drain)
    assert_everything_once(context, EVENTS)
    table = context.lake.open(TABLE)
    assert len({commit[RUN_KEY] for commit in table.history() if RUN_KEY in commit}) == 2, "they never met"

    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    admin.create_partitions([NewPartitions(topic, PARTITIONS + 1)])[topic].result()
    produce(kafka.bootstrap, topic, generations(100, start=EVENTS), PARTITIONS)
    wait_until(context, EVERYTHING + 100, processes, worker)
    report = reconcile.run(context)
    assert report.exact, report.failures
    assert len(report.partitions) == PARTITIONS + 1
    then = datetime.now(UTC)
    while (ingest.as_of(context) or then) <= then:
        assert worker.poll() is None, processes.said(worker)
        time.sleep(0.1)
    assert counted(context) == EVENTS + 100, "by one of them"
    caught_up = f'feedwheel_ingest_lag_offsets{{partition="{PARTITIONS}",topic="{topic}"}} 0.0'
    while caught_up not in (told := httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text):
        assert worker.poll() is None, processes.said(worker)
        time.sleep(0.1)
    accepted = re.search(rf'^feedwheel_ingest_accepted_total{{table="{TABLE}"}} (\S+)$', told, re.MULTILINE)
    assert accepted, told
    assert float(accepted[1]) > EVENTS / 2, "whoever committed them"
    worker.send_signal(signal.SIGINT)
    assert worker.wait(30) == 130, processes.said(worker)
