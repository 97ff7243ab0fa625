"""`feedwheel ingest` as processes that a test may kill, over a topic of 100,000 events."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.compute as pc

from pipelines import reconcile
from pipelines.context import Context
from pipelines.ingest.offsets import progress_of
from tests.conftest import TEST_SECRETS
from tests.topics import create_topic, generations, produce, produce_in_transaction

EVENTS = 100_000
PARTITIONS = 4
REJECTED_EVERY = 250
ABORTED = 30
"""Records of an aborted transaction, whose marker takes one more offset."""
TABLE = "bronze/generations"
COMMAND = [sys.executable, "-c", "from pipelines.cli.main import app; app()", "ingest"]
SHIPPED_TOPICS = re.compile(r"^\[topics\.[^\[]*", re.MULTILINE)
CONFIG = """
[topics."{topic}"]
maps_to = "feedwheel.generations"
trusted = true
"""


def topic_of_events(bootstrap: str, events: int = EVENTS) -> str:
    """Events over four partitions, some of them garbage, and an aborted transaction in the middle of one."""
    name = create_topic(bootstrap, PARTITIONS)
    (template,) = generations(1)
    each = events // PARTITIONS
    for partition in range(PARTITIONS):
        produce(bootstrap, name, _values(template, partition * each, each // 2), partition)
        if partition == 0:
            produce_in_transaction(bootstrap, name, generations(ABORTED), commit=False)
        produce(bootstrap, name, _values(template, partition * each + each // 2, each // 2), partition)
    return name


def _values(template: bytes, start: int, count: int) -> Iterator[bytes]:
    for number in range(start, start + count):
        unique = str(number).encode()
        value = template.replace(b'"event-0"', b'"event-' + unique + b'"').replace(b'"a0"', b'"a' + unique + b'"')
        yield b"{" if number % REJECTED_EVERY == 0 else value


def environment_of(context: Context, topic: str, directory: Path) -> dict[str, str]:
    """What processes need to ingest one topic into a context's home."""
    settings = context.settings
    shipped = settings.config_path.read_text(encoding="utf-8")
    config = directory / "feedwheel.toml"
    config.write_text(SHIPPED_TOPICS.sub("", shipped) + CONFIG.format(topic=topic), encoding="utf-8")
    return {
        **os.environ,
        **{f"FEEDWHEEL_{name.upper()}": value for name, value in TEST_SECRETS.items()},
        "FEEDWHEEL_HOME": str(settings.home),
        "FEEDWHEEL_CONFIG_PATH": str(config),
        "KAFKA_BOOTSTRAP_SERVERS": str(settings.kafka),
    }


@dataclass
class IngestProcesses:
    """Starts `feedwheel ingest` on a context's home, broker and topic; whatever is left running is killed by `end`."""

    context: Context
    topic: str
    directory: Path
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __call__(self, *options: str, **variables: str) -> subprocess.Popen[bytes]:
        environment = environment_of(self.context, self.topic, self.directory)
        with self._log(len(self.started)).open("wb") as log:
            process = subprocess.Popen([*COMMAND, *options], env=environment | variables, stdout=log, stderr=log)
        self.started.append(process)
        return process

    def said(self, process: subprocess.Popen[bytes]) -> str:
        """What it wrote on its standard output and error."""
        return self._log(self.started.index(process)).read_text(encoding="utf-8")

    def _log(self, number: int) -> Path:
        return self.directory / f"ingest-{number}.log"

    def end(self) -> None:
        for process in self.started:
            process.kill()
            process.wait()


def committed(context: Context) -> int:
    """Offsets committed so far."""
    return sum(known.next - known.first for known in progress_of(context.lake.open(TABLE)).values())


def counted(context: Context) -> int:
    """Records that the rows of ops/runs say went in."""
    rows = context.lake.read("ops/runs", ["counts_in"], pc.field("stage") == "ingest").to_pylist()
    return sum(sum(json.loads(row["counts_in"]).values()) for row in rows)


def files(context: Context) -> int:
    """Files written so far, committed or not."""
    return len(list(Path(context.lake.uri(TABLE)).glob("part-*.parquet")))


def assert_everything_once(context: Context, count: int = EVENTS) -> None:
    report = reconcile.run(context)
    assert report.exact, report.failures
    assert [account.lag for account in report.partitions] == [0] * PARTITIONS
    assert sum(account.gaps for account in report.partitions) == ABORTED + 1
    rows = context.lake.read(TABLE, ["event_id", "status"])
    assert rows.num_rows == count
    events = rows.column("event_id").drop_null().to_numpy(zero_copy_only=False)
    expected = {f"event-{number}" for number in range(count) if number % REJECTED_EVERY}
    assert len(events) == len(expected)
    assert set(events) == expected
