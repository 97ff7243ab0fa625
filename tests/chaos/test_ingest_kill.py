"""Ingest killed again and again with SIGKILL, at named points and at any time: every event is there once.

All runs read the same topic, each into a lake of its own: the lake is the only offset store. `KILLS=100` in the
environment makes it a hundred kills over a million events (4 minutes on two cores that do nothing else).
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import cycle, islice
from pathlib import Path

import pytest

from pipelines import reconcile
from pipelines.context import Context
from pipelines.ingest.commit import RUN_KEY
from pipelines.ingest.drain import ROUND_RANGES
from pipelines.ingest.offsets import progress_of
from pipelines.ingest.plan import RANGE_OFFSETS
from tests.conftest import REPOSITORY
from tests.ingest_processes import (
    ABORTED,
    TABLE,
    assert_everything_once,
    committed,
    counted,
    environment_of,
    files,
    topic_of_events,
)
from tests.topics import declaring

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(900)]

KILLS = int(os.environ.get("KILLS", "30"))
EVENTS = 10_000 * KILLS
"""A killed drain commits 5,000 or 10,000 offsets at a named point, and somewhat more at any other time."""


@pytest.fixture(scope="module")
def topic(kafka) -> str:
    return topic_of_events(kafka.bootstrap, EVENTS)


@pytest.fixture
def lake_of_topic(kafka, topic, context) -> Context:
    """A context over an empty lake."""
    return declaring(context(kafka_bootstrap_servers=kafka.bootstrap), {topic: "feedwheel.generations"})


class Drains:
    """Drains as processes, one after the other (`tests.draining`)."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self._log = log.open("wb")
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.draining"],
            env=environment,
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        assert self._answer("ready") == ""

    def start(self, range_offsets: int, round_ranges: int, kill_at: str = "") -> int:
        """Begin a drain; its process."""
        print(range_offsets, round_ranges, kill_at, file=self._server.stdin, flush=True)
        return int(self._answer("pid"))

    def wait(self) -> int:
        """How the drain ended."""
        return int(self._answer("status"))

    def _answer(self, word: str) -> str:
        assert self._server.stdout
        line = self._server.stdout.readline()
        assert line.startswith(word), line or "it has died: see its log"
        return line.removeprefix(word).strip()

    def close(self) -> None:
        self._server.communicate()
        self._log.close()


@pytest.fixture
def new_drains(lake_of_topic, topic, tmp_path) -> Iterator[Callable[[], Drains]]:
    """Make servers of drains into the lake."""
    environment = environment_of(lake_of_topic, topic, tmp_path)
    made: list[Drains] = []

    def make() -> Drains:
        made.append(Drains(environment, tmp_path / f"drains-{len(made)}.log"))
        return made[-1]

    yield make
    for drains in made:
        drains.close()


def assert_readable(context: Context) -> None:
    """At every moment: as many rows as offsets that are no gaps."""
    progress = progress_of(context.lake.open(TABLE)).values()
    rows = context.lake.open(TABLE).to_pyarrow_dataset().count_rows()
    assert rows == sum(known.next - known.first - known.gaps for known in progress)


POINTS = {"read": 9, "file_written": 6, "before_commit": 2, "during_commit": 2, "after_commit": 2}
"""Where a drain dies, and at which pass: in its second round, so that each commits something before."""
PACE = (1_250, 4)
DEATHS = (*POINTS, "", "")
"""By name, or at any time."""


def test_kills_lose_and_repeat_nothing(lake_of_topic, new_drains):
    context, drains, draw = lake_of_topic, new_drains(), random.Random(7)
    for number, point in enumerate(islice(cycle(DEATHS), KILLS - 1)):
        before, written = committed(context), files(context) - len(context.lake.open(TABLE).file_uris())
        if point:
            drains.start(*PACE, f"{point}:{POINTS[point]}")
        else:
            kill_once_committed(context, drains.start(*PACE), before, draw.uniform(0.0, 0.3))
        assert drains.wait() == -signal.SIGKILL, (number, point)
        assert before < committed(context) < EVENTS, (number, point)
        assert_readable(context)
        if point in ("file_written", "before_commit"):
            assert files(context) - len(context.lake.open(TABLE).file_uris()) > written, "files that no commit names"
        if number % 10 == 0:
            assert reconcile.run(context).exact

    drains.start(RANGE_OFFSETS, ROUND_RANGES, "publish:1")
    assert drains.wait() == -signal.SIGKILL
    assert committed(context) == EVENTS + ABORTED + 1, "dead letters follow the last commit"
    assert any(known.published < known.next for known in progress_of(context.lake.open(TABLE)).values())
    drains.start(*PACE)
    assert drains.wait() == 0
    assert_everything_once(context, EVENTS)
    assert counted(context) == EVENTS, "what those who died committed is counted by who came after them"
    assert all(known.published == known.next for known in progress_of(context.lake.open(TABLE)).values())


def kill_once_committed(context: Context, pid: int, before: int, delay_s: float) -> None:
    """At any time after the first commit."""
    while committed(context) == before:
        os.kill(pid, 0)  # it has not ended
        time.sleep(0.02)
    time.sleep(delay_s)
    os.kill(pid, signal.SIGKILL)


def test_two_drains_at_once_fence_each_other(lake_of_topic, new_drains):
    both = [new_drains(), new_drains()]
    for drains in both:
        drains.start(25_000, 2)
    assert [drains.wait() for drains in both] == [0, 0]
    assert_everything_once(lake_of_topic, EVENTS)
    assert counted(lake_of_topic) == EVENTS
    table = lake_of_topic.lake.open(TABLE)
    runs = {commit[RUN_KEY] for commit in table.history() if RUN_KEY in commit}
    assert len(runs) == 2 or files(lake_of_topic) > len(table.file_uris()), "they never met"
