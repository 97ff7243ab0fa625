"""A table of many small drains, maintained: files and bytes before and after, and how long reading takes.

Reads are interleaved, each of a table as it was and of its copy after maintenance: everything of one narrow column, and
100 rows by their offsets, as extract finds them. Medians.

    python tests/bench/bench_maintain.py [--drains 100] [--rounds 5]
"""

import argparse
import logging
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.compute as pc

from pipelines import maintain
from pipelines.context import Context
from pipelines.io.lake import Lake
from pipelines.io.table_files import stored_files
from pipelines.settings import Settings
from pipelines.stack.paths import REPOSITORY
from tests.conftest import TEST_SECRETS
from tests.events import APP
from tests.memory_drain import NOW, TABLE, drain
from tests.memory_log import MemoryLog
from tests.topics import generations

PARTITIONS = 2
EVENTS_A_DRAIN = 50
"""Of each partition, and one rejected record."""


def filled(home: Path, drains: int) -> tuple[Context, int]:
    """A table of so many drains, and how many rows it has."""
    settings = Settings(home=home, config_path=REPOSITORY / "feedwheel.toml", **TEST_SECRETS)
    context = Context(settings, settings.config(), Lake(settings.lake_url), lambda: NOW)
    logs = [MemoryLog(partition=number) for number in range(PARTITIONS)]
    for _ in range(drains):
        for log in logs:
            log.append(*generations(EVENTS_A_DRAIN, log.end), b"{")
            drain(context.lake, log, EVENTS_A_DRAIN + 1)
    return context, sum(log.end for log in logs)


def read_all(lake: Lake, rows: int) -> None:
    assert lake.read(TABLE, ["event_id"]).num_rows == rows


def read_some(lake: Lake, rows: int) -> None:
    first = rows // PARTITIONS // 2
    at = (pc.field("partition") == 1) & (pc.field("offset") >= first) & (pc.field("offset") < first + 100)
    assert lake.read(TABLE, where=at).num_rows == 100


def timed(work: Callable[..., object], *arguments: object) -> float:
    begun = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - begun


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--drains", type=int, default=100)
    arguments.add_argument("--rounds", type=int, default=5)
    given = arguments.parse_args()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="bench-maintain-") as directory:
        context, rows = filled(Path(directory) / "home", given.drains)
        before = Lake(f"{directory}/before")
        shutil.copytree(context.lake.url, before.url)
        report = maintain.run(context, APP)
        print(f"{rows} rows of {given.drains} drains, {PARTITIONS} partitions; maintained in {report.seconds:.2f} s")
        for name, lake in (("before", before), ("after", context.lake)):
            files = stored_files(lake.open(TABLE))
            print(f"{name:7} {len(files):5} files {sum(file.size for file in files) / 1e6:8.2f} MB")
        for name, read in (("one column of all rows", read_all), ("100 rows by offset", read_some)):
            pairs = [[timed(read, lake, rows) for lake in (before, context.lake)] for _ in range(given.rounds)]
            slow, fast = (statistics.median(times) for times in zip(*pairs, strict=True))
            print(f"{name:23} {slow * 1000:8.1f} ms, then {fast * 1000:8.1f} ms: {slow / fast:.1f} times as fast")


if __name__ == "__main__":
    main()
