"""Drains back to back: how long an event waits, what a broker that is away does, and how it ends."""

import json
import signal
import subprocess
import time

import pytest

from pipelines import ingest, reconcile
from pipelines.ingest.drain import Pace
from pipelines.ingest.offsets import progress_of
from tests.ingest_processes import TABLE, IngestProcesses, committed, files
from tests.topics import create_topic, declaring, generations, produce

pytestmark = pytest.mark.integration

FOLLOW = ("--follow", "--json", "--range-offsets=500", "--round-ranges=2", "--max-age=0.5")


def wait_for(condition, process, processes, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, processes.said(process)
        assert time.monotonic() < deadline, processes.said(process)
        time.sleep(0.05)


def test_an_event_of_an_idle_topic_is_committed_a_round_later_whatever_another_has_in_store(kafka, context):
    busy, idle = create_topic(kafka.bootstrap), create_topic(kafka.bootstrap)
    topics = {busy: "feedwheel.generations", idle: "feedwheel.generations"}
    followed = declaring(context(kafka_bootstrap_servers=kafka.bootstrap), topics)
    produce(kafka.bootstrap, busy, generations(500))
    rounds = list[list[int]]()  # next offsets before each round: of the busy topic, then of the idle one

    def stop():
        rounds.append(sorted((known.next for known in progress_of(followed.lake.open(TABLE)).values()), reverse=True))
        if len(rounds) == 4:
            produce(kafka.bootstrap, idle, generations(1, start=1000))
        return len(rounds) == 6

    ingest.run(followed, pace=Pace(range_offsets=20, round_ranges=2, threads=1), follows=True, stop=stop)
    (busy_before, idle_before), (busy_after, idle_after) = rounds[3], rounds[4]
    assert (idle_before, idle_after) == (0, 1), "it came with the round that began when it was there"
    assert busy_before < busy_after < 500
    assert ingest.as_of(followed) is None, "the drain was stopped, so it says nothing about what had happened"


def test_partitions_take_turns_when_a_round_has_not_room_for_all(kafka, context):
    topic = create_topic(kafka.bootstrap, partitions=3)
    followed = declaring(context(kafka_bootstrap_servers=kafka.bootstrap), {topic: "feedwheel.generations"})
    for partition in range(3):
        produce(kafka.bootstrap, topic, generations(50, start=100 * partition), partition)
    rounds = 0

    def stop():
        nonlocal rounds
        rounds += 1
        produce(kafka.bootstrap, topic, generations(10, start=1000 * rounds), 0)  # it never comes to its end
        return rounds > 6

    ingest.run(followed, pace=Pace(range_offsets=10, round_ranges=1, threads=1), follows=True, stop=stop)
    assert [known.next for _, known in sorted(progress_of(followed.lake.open(TABLE)).items())] == [20, 20, 20]


@pytest.fixture
def following(tmp_path):
    """`following(context, topic)` starts `feedwheel ingest --follow`; returns (process, processes)."""
    started = list[IngestProcesses]()

    def start(context, topic) -> tuple[subprocess.Popen[bytes], IngestProcesses]:
        started.append(IngestProcesses(context, topic, tmp_path))
        return started[-1](*FOLLOW), started[-1]

    yield start
    for processes in started:
        processes.end()


@pytest.mark.slow
def test_it_goes_on_by_itself_after_the_broker_was_away_and_ends_on_sigint(own_kafka, context, following):
    topic = create_topic(own_kafka.bootstrap)
    followed = declaring(context(kafka_bootstrap_servers=own_kafka.bootstrap), {topic: "feedwheel.generations"})
    produce(own_kafka.bootstrap, topic, generations(10))
    process, processes = following(followed, topic)
    wait_for(lambda: committed(followed) == 10, process, processes)
    own_kafka.kill()
    away = f"nothing listens at {own_kafka.bootstrap}"
    wait_for(lambda: away in processes.said(process), process, processes)
    own_kafka.start()
    produce(own_kafka.bootstrap, topic, generations(10, start=10))
    wait_for(lambda: committed(followed) == 20, process, processes)
    wait_for(lambda: "ingest goes on" in processes.said(process), process, processes)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    said = processes.said(process)
    assert said.count(away) == 1, "once, not with every attempt"
    drains = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert [drain["accepted"] for drain in drains] == [{"routing": 10}, {"routing": 10}]
    assert reconcile.run(followed).exact


@pytest.mark.slow
def test_sigterm_ends_it_between_two_commits(kafka, context, following):
    topic, events = create_topic(kafka.bootstrap), 50_000
    followed = declaring(context(kafka_bootstrap_servers=kafka.bootstrap), {topic: "feedwheel.generations"})
    produce(kafka.bootstrap, topic, generations(events))
    process, processes = following(followed, topic)
    wait_for(lambda: committed(followed) > 0, process, processes)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0, processes.said(process)
    assert 0 < committed(followed) < events
    assert files(followed) == len(followed.lake.open(TABLE).file_uris()), "nothing was read in vain"
    (drain,) = [json.loads(line) for line in processes.said(process).splitlines() if line.startswith("{")]
    assert sum(drain["accepted"].values()) == committed(followed)
