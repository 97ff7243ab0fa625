"""Ingest killed with SIGKILL, at named points and at random times, during drains of 100,000 events: all is there once.

All runs read the same topic, each into a lake of its own: the lake is the only offset store.
"""

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelines import ingest, reconcile
from pipelines.context import Context
from pipelines.ingest.commit import RUN_KEY
from pipelines.ingest.offsets import progress_of
from schemas.errors import NothingToDo
from tests.conftest import TEST_SECRETS
from tests.topics import create_topic, declaring, generations, produce, produce_in_transaction

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(240)]

EVENTS = 100_000
PARTITIONS = 4
REJECTED_EVERY = 250
ABORTED = 30
TABLE = "bronze/generations"
COMMAND = [sys.executable, "-c", "from pipelines.cli.main import app; app()", "ingest"]
SHIPPED_TOPICS = re.compile(r"^\[topics\.[^\[]*", re.MULTILINE)
CONFIG = """
[topics."{topic}"]
maps_to = "feedwheel.generations"
trusted = true
"""


@pytest.fixture(scope="module")
def topic(kafka) -> str:
    """100,000 events over four partitions, some of them garbage, and an aborted transaction in the middle of one."""
    name = create_topic(kafka.bootstrap, PARTITIONS)
    (template,) = generations(1)
    each = EVENTS // PARTITIONS
    for partition in range(PARTITIONS):
        produce(kafka.bootstrap, name, _values(template, partition * each, each // 2), partition)
        if partition == 0:
            produce_in_transaction(kafka.bootstrap, name, generations(ABORTED), commit=False)
        produce(kafka.bootstrap, name, _values(template, partition * each + each // 2, each // 2), partition)
    return name


def _values(template: bytes, start: int, count: int) -> Iterator[bytes]:
    for number in range(start, start + count):
        unique = str(number).encode()
        value = template.replace(b'"event-0"', b'"event-' + unique + b'"').replace(b'"a0"', b'"a' + unique + b'"')
        yield b"{" if number % REJECTED_EVERY == 0 else value


@pytest.fixture
def lake_of_topic(kafka, topic, context) -> Context:
    """A context over an empty lake."""
    return declaring(context(kafka_bootstrap_servers=kafka.bootstrap), {topic: "feedwheel.generations"})


@pytest.fixture
def start(lake_of_topic, topic, tmp_path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start `feedwheel ingest` as a process; whatever a test leaves running is killed."""
    settings = lake_of_topic.settings
    shipped = settings.config_path.read_text(encoding="utf-8")
    config = tmp_path / "feedwheel.toml"
    config.write_text(SHIPPED_TOPICS.sub("", shipped) + CONFIG.format(topic=topic), encoding="utf-8")
    environment = {
        **os.environ,
        **{f"FEEDWHEEL_{name.upper()}": value for name, value in TEST_SECRETS.items()},
        "FEEDWHEEL_HOME": str(settings.home),
        "FEEDWHEEL_CONFIG_PATH": str(config),
        "KAFKA_BOOTSTRAP_SERVERS": settings.kafka,
    }
    started: list[subprocess.Popen[bytes]] = []

    def make(range_offsets: int, round_ranges: int, kill_at: str = "") -> subprocess.Popen[bytes]:
        pace = [f"--range-offsets={range_offsets}", f"--round-ranges={round_ranges}"]
        with (tmp_path / f"ingest-{len(started)}.log").open("wb") as log:
            kill = {"FEEDWHEEL_KILL_AT": kill_at}
            started.append(subprocess.Popen([*COMMAND, *pace], env=environment | kill, stdout=log, stderr=log))
        return started[-1]

    yield make
    for process in started:
        process.kill()
        process.wait()


def committed(context: Context) -> int:
    """Offsets committed so far."""
    return sum(known.next - known.first for known in progress_of(context.lake.open(TABLE)).values())


def files(context: Context) -> int:
    """Files written so far, committed or not."""
    return len(list(Path(context.lake.uri(TABLE)).glob("part-*.parquet")))


def assert_everything_once(context: Context) -> None:
    report = reconcile.run(context)
    assert report.exact, report.failures
    assert [account.lag for account in report.partitions] == [0] * PARTITIONS
    assert sum(account.gaps for account in report.partitions) == ABORTED + 1
    rows = context.lake.read(TABLE, ["event_id", "status"])
    assert rows.num_rows == EVENTS
    events = rows.column("event_id").drop_null().to_numpy(zero_copy_only=False)
    expected = {f"event-{number}" for number in range(EVENTS) if number % REJECTED_EVERY}
    assert len(events) == len(expected)
    assert set(events) == expected


def finish(context: Context) -> None:
    """The next drain, whatever is left of the last."""
    try:
        ingest.run(context)
    except NothingToDo:
        assert committed(context) > EVENTS


POINTS = {
    "read": "read:20",
    "file_written": "file_written:6",
    "before_commit": "before_commit:3",
    "during_commit": "during_commit:3",
    "after_commit": "after_commit:3",
    "publish": "publish:1",
}


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_at_a_named_point_loses_and_repeats_nothing(lake_of_topic, start, point):
    context = lake_of_topic
    assert start(5_000, 4, POINTS[point]).wait(120) == -signal.SIGKILL

    after_kill = committed(context)
    everything = EVENTS + ABORTED + 1
    if point == "publish":
        assert after_kill == everything, "dead letters follow the last commit"
        assert any(known.published < known.next for known in progress_of(context.lake.open(TABLE)).values())
    else:
        assert 0 < after_kill < everything
    if point in ("file_written", "before_commit"):
        assert files(context) > len(context.lake.open(TABLE).file_uris()), "files were written and not committed"
    assert reconcile.run(context).exact, "at every moment"

    finish(context)
    assert_everything_once(context)
    assert all(known.published == known.next for known in progress_of(context.lake.open(TABLE)).values())


def test_kills_at_random_times_lose_and_repeat_nothing(lake_of_topic, start):
    context, draw = lake_of_topic, random.Random(7)
    for _ in range(3):
        before = committed(context)
        process = start(1_000, 2)
        while committed(context) == before:
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.05)
        time.sleep(draw.uniform(0.0, 1.0))
        process.send_signal(signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
        assert before < committed(context) < EVENTS
        assert reconcile.run(context).exact, "at every moment"
    finish(context)
    assert_everything_once(context)


def test_two_drains_at_once_fence_each_other(lake_of_topic, start):
    both = [start(5_000, 2), start(5_000, 2)]
    assert [process.wait(200) for process in both] == [0, 0]
    assert_everything_once(lake_of_topic)
    table = lake_of_topic.lake.open(TABLE)
    runs = {commit[RUN_KEY] for commit in table.history() if RUN_KEY in commit}
    assert len(runs) == 2 or files(lake_of_topic) > len(table.file_uris()), "they never met"
