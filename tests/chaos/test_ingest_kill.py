"""Ingest killed again and again with SIGKILL, at named points and at any time: every event is there once.

All runs read the same topic, each into a lake of its own: the lake is the only offset store. `KILLS=100` in the
environment makes it a hundred kills over a million events (4 minutes on two cores that do nothing else).
"""

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import cycle, islice
from pathlib import Path

import pyarrow.compute as pc
import pytest

from pipelines import reconcile
from pipelines.context import Context
from pipelines.ingest.commit import RUN_KEY
from pipelines.ingest.drain import ROUND_RANGES
from pipelines.ingest.offsets import progress_of
from pipelines.ingest.plan import RANGE_OFFSETS
from tests.conftest import REPOSITORY, TEST_SECRETS
from tests.topics import create_topic, declaring, generations, produce, produce_in_transaction

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(900)]

KILLS = int(os.environ.get("KILLS", "30"))
EVENTS = 10_000 * KILLS
"""A killed drain commits 5,000 or 10,000 offsets at a named point, and somewhat more at any other time."""
PARTITIONS = 4
REJECTED_EVERY = 250
ABORTED = 30
TABLE = "bronze/generations"
SHIPPED_TOPICS = re.compile(r"^\[topics\.[^\[]*", re.MULTILINE)
CONFIG = """
[topics."{topic}"]
maps_to = "feedwheel.generations"
trusted = true
"""


@pytest.fixture(scope="module")
def topic(kafka) -> str:
    """Events over four partitions, some of them garbage, and an aborted transaction in the middle of one."""
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
    made: list[Drains] = []

    def make() -> Drains:
        made.append(Drains(environment, tmp_path / f"drains-{len(made)}.log"))
        return made[-1]

    yield make
    for drains in made:
        drains.close()


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
    ids = rows.column("event_id").drop_null()
    assert len(ids) == len(pc.unique(ids)) == EVENTS - EVENTS // REJECTED_EVERY


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
    assert_everything_once(context)
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
    assert_everything_once(lake_of_topic)
    table = lake_of_topic.lake.open(TABLE)
    runs = {commit[RUN_KEY] for commit in table.history() if RUN_KEY in commit}
    assert len(runs) == 2 or files(lake_of_topic) > len(table.file_uris()), "they never met"
