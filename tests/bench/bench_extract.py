"""Extract: whether an increment's cost grows with the table, what scattered late input costs, and what copies cost.

Two tables, one of 10 times the days of the other, a thousand conversations a day, one drain and one extract run a day.
To both come the same increments in turn: feedback on 500 conversations, all of the last day; 95 % of the last day and
the others of any day; of any day. With the files that a run a day leaves, and with those merged. Then a day's events
with and without 5 % of them sent again to another partition.

    python tests/bench/bench_extract.py [--days 2 20] [--rounds 3]
"""

import argparse
import logging
import random
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any, Final

import msgspec
from feedwheel_capture.events import FeedbackValue

from feedback.conversation import Logged
from pipelines import extract, maintain
from pipelines.context import Context
from pipelines.extract import ExtractReport
from pipelines.io.lake import Lake
from pipelines.settings import Settings
from pipelines.stack.paths import REPOSITORY
from schemas.errors import NothingToDo
from tests import bronze
from tests.events import APP, START, dialogue, exposure, feedback, logged

REQUESTS: Final = (
    "Where is my card?",
    "My card has not arrived yet, what should I do about it?",
    "No, that's wrong. It is about topping up.",
    "Thanks, that's right!",
)
PER_DAY: Final = 1_000
TOUCHED: Final = 500
DAY: Final = timedelta(days=1)


def events(name: str, draw: random.Random) -> Iterator[Any]:
    """One to three answers, an exposure for every answer, a thumb for every second."""
    said = [text for _ in range(draw.choice((1, 1, 2, 3))) for text in (draw.choice(REQUESTS), "card arrival")]
    for answer in dialogue(*said, conversation_id=name, user_key=f"person-{draw.randrange(97)}"):
        answer = msgspec.structs.replace(answer, response_id=f"{name}-{answer.response_id}")
        yield answer
        yield exposure(answer.response_id, conversation_id=name)
        if draw.random() < 0.5:
            yield feedback(response_id=answer.response_id)


@dataclass
class Table:
    """A lake to which days and increments come, and the names of the conversations of each day."""

    context: Context
    now: datetime = START
    offset: int = 0
    days: list[list[str]] = field(default_factory=list)
    draw: random.Random = field(default_factory=lambda: random.Random(1))

    def day(self, copied: float = 0) -> tuple[int, int]:
        """Ingest one day; of `copied` of its events also a copy, in partition 1. Events in all, and copies."""
        self.days.append([f"{self.draw.getrandbits(96):024x}" for _ in range(PER_DAY)])  # ids tell nothing of time
        placed = self._placed([record for name in self.days[-1] for record in events(name, self.draw)])
        copies = [again(event) for event in self.draw.sample(placed, int(copied * len(placed)))]
        self._drain([*placed, *copies], DAY)
        return len(placed) + len(copies), len(copies)

    def increment(self, names: Sequence[str]) -> None:
        """Ingest one piece of feedback on each."""
        self._drain(self._placed([feedback("bookmark", FeedbackValue(), f"{name}-a0") for name in names]), timedelta(0))

    def _placed(self, data: Sequence[Any]) -> list[Logged[Any]]:
        placed = [
            logged(
                record, offset, sent_at=self.now, appended_at=self.now + timedelta(milliseconds=offset - self.offset)
            )
            for offset, record in enumerate(data, start=self.offset)
        ]
        self.offset += len(data)
        return placed

    def _drain(self, placed: Sequence[Logged[Any]], took: timedelta) -> None:
        self.now += took
        bronze.ingest(self.context.lake, placed, self.now)

    def merge_files(self) -> None:
        """Maintain the tables: few files where there are many."""
        with suppress(NothingToDo):
            maintain.run(self.context)

    def extract(self) -> tuple[ExtractReport, float, float]:
        """The report, seconds by the clock, and of the processor."""
        wall, core = time.perf_counter(), time.process_time()
        report = extract.run(self.context, APP)
        return report, time.perf_counter() - wall, time.process_time() - core


def again(event: Logged[Any]) -> Logged[Any]:
    """The same event at the same offset of another partition, a moment later."""
    return replace(
        event,
        position=replace(event.position, partition=1),
        appended_at=event.appended_at + timedelta(microseconds=1),
    )


def new_table(home: str) -> Table:
    settings = Settings(home=Path(home), config_path=REPOSITORY / "feedwheel.toml", user_key_layers="layer")
    table = Table(Context(settings, settings.config(), Lake(settings.lake_url), lambda: table.now))
    return table


def of_last_day(table: Table, draw: random.Random) -> list[str]:
    return draw.sample(table.days[-1], TOUCHED)


def mostly_of_last_day(table: Table, draw: random.Random) -> list[str]:
    few = TOUCHED // 20
    return draw.sample(table.days[-1], TOUCHED - few) + draw.sample([*chain(*table.days[:-1])], few)


def of_any_day(table: Table, draw: random.Random) -> list[str]:
    return draw.sample([*chain(*table.days)], TOUCHED)


INCREMENTS: Final[dict[str, Callable[[Table, random.Random], list[str]]]] = {
    "all of the last day": of_last_day,
    "95 % of the last day": mostly_of_last_day,
    "scattered over all days": of_any_day,
}


def growth(tables: dict[int, Table], rounds: int) -> None:
    for days, table in tables.items():
        total, spent = 0, 0.0
        for _ in range(days):
            count, _ = table.day()
            report, _, core = table.extract()
            assert report.conversations == PER_DAY, report
            total, spent = total + count, spent + core
        print(f"{days:3} days, {total} events: extracted in {spent:.1f} s of core")
    print("a file for each day and table")
    increments(tables, rounds)
    for table in tables.values():
        table.merge_files()
    print("files merged, as maintenance leaves them")
    increments(tables, rounds)


def increments(tables: dict[int, Table], rounds: int) -> None:
    for name, choose in INCREMENTS.items():
        found = defaultdict[int, list[tuple[float, float]]](list)
        for number in range(rounds):
            for days, table in tables.items():
                table.increment(choose(table, random.Random(number)))
                report, *seconds = table.extract()
                assert (report.conversations, report.taken) == (TOUCHED, {"feedback": TOUCHED}), report
                found[days].append((seconds[0], seconds[1]))
        medians = {days: [statistics.median(column) for column in zip(*of, strict=True)] for days, of in found.items()}
        costs = ", ".join(f"{days} days {core:.2f} s of core ({wall:.2f} s)" for days, (wall, core) in medians.items())
        least, most = medians[min(medians)], medians[max(medians)]
        print(f"{name:24} {costs}, ratio {most[1] / least[1]:.2f} ({most[0] / least[0]:.2f})")


def copies(tables: dict[float, Table], rounds: int) -> None:
    found = defaultdict[float, list[float]](list)
    for _ in range(rounds):
        for copied, table in tables.items():
            count, duplicates = table.day(copied)
            report, _, core = table.extract()
            assert report.conversations == PER_DAY, report
            assert sum(report.taken.values()) == count, report
            assert report.dropped.get("duplicate", 0) == duplicates, report
            assert sum(report.used.values()) + sum(report.dropped.values()) == count, report
            found[copied].append(core / count * 1e6)
    for copied, each in found.items():
        print(f"{copied:4.0%} copies: {statistics.median(each):.0f} µs of core an event, copies included")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, nargs=2, default=[2, 20])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="bench-extract-") as home:
        new_table(f"{home}/warm").day()
        growth({days: new_table(f"{home}/{days}-days") for days in arguments.days}, arguments.rounds)
        copies({share: new_table(f"{home}/{share}-copied") for share in (0.0, 0.05)}, arguments.rounds)


if __name__ == "__main__":
    main()
