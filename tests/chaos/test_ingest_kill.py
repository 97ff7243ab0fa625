"""Ingest killed with SIGKILL, at named points and at random times, during drains of 100,000 events: all is there once.

All runs read the same topic, each into a lake of its own: the lake is the only offset store.
"""

import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from pipelines import ingest, reconcile
from pipelines.context import Context
from pipelines.ingest.commit import RUN_KEY
from pipelines.ingest.offsets import progress_of
from schemas.errors import NothingToDo
from tests.ingest_processes import (
    EVENTS,
    EVERYTHING,
    TABLE,
    IngestProcesses,
    assert_everything_once,
    committed,
    files,
    topic_of_events,
)
from tests.topics import declaring

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def topic(kafka) -> str:
    return topic_of_events(kafka.bootstrap)


@pytest.fixture
def lake_of_topic(kafka, topic, context) -> Context:
    """A context over an empty lake."""
    return declaring(context(kafka_bootstrap_servers=kafka.bootstrap), {topic: "feedwheel.generations"})


@pytest.fixture
def start(lake_of_topic, topic, tmp_path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start `feedwheel ingest` as a process; whatever a test leaves running is killed."""
    processes = IngestProcesses(lake_of_topic, topic, tmp_path)

    def make(range_offsets: int, round_ranges: int, kill_at: str = "") -> subprocess.Popen[bytes]:
        pace = [f"--range-offsets={range_offsets}", f"--round-ranges={round_ranges}"]
        return processes(*pace, FEEDWHEEL_KILL_AT=kill_at)

    yield make
    processes.end()


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
    if point == "publish":
        assert after_kill == EVERYTHING, "dead letters follow the last commit"
        assert any(known.published < known.next for known in progress_of(context.lake.open(TABLE)).values())
    else:
        assert 0 < after_kill < EVERYTHING
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
