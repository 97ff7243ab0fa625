"""The gate on feedback data: what it costs at two sizes, and how often chance alone refuses a batch.

Cost: a first batch of so many conversations, all of whose rows are read, looked up in bronze and judged. False alarms:
batches drawn from the same mixes as the three before them, by the drift that the gate computes and the shipped bounds.

    python tests/bench/bench_validate.py [--days 1 10] [--rounds 3] [--batches 20000]
"""

import argparse
import logging
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator

import numpy as np

from feedback.drift import drift
from pipelines import extract, validate
from pipelines.context import Context
from pipelines.settings import Settings
from pipelines.stack.paths import REPOSITORY
from schemas.config import Validation
from tests.bench.bench_extract import PER_DAY, new_table
from tests.events import APP

MIXES = {"language": [0.7, 0.2, 0.05, 0.03, 0.02], "kind": [0.5, 0.3, 0.1, 0.05, 0.05], "polarity": [0.6, 0.4]}
"""Shares; each in two groups, as two versions of a model are."""


def cost(days: int, rounds: int) -> float:
    """Median seconds of processor of a batch of so many days."""
    with tempfile.TemporaryDirectory(prefix="bench-validate-") as home:
        table = new_table(home)
        written = sum(table.day()[0] for _ in range(days))
        extract.run(table.context, APP)
        found = [once(table.context) for _ in range(rounds)]
        core, wall = (statistics.median(side) for side in zip(*found, strict=True))
        print(f"{days * PER_DAY:7} conversations, {written:7} events: {core:6.2f} s of core, {wall:6.2f} s")
        return core


def once(context: Context) -> tuple[float, float]:
    """Judge everything anew: what a run writes is taken away after it."""
    core, wall = time.process_time(), time.perf_counter()
    validate.run(context, APP)
    took = time.process_time() - core, time.perf_counter() - wall
    for table in ("silver/admissions", "ops/gates"):
        shutil.rmtree(context.lake.uri(table))
    return took


def false_alarms(people: int, batches: int, validation: Validation) -> float:
    """Share of batches with a drift beyond its bound, all groups together."""
    random = np.random.default_rng(people)
    groups = [shares for shares in MIXES.values() for _ in range(2)]
    alpha = validation.drift_alpha / len(groups)
    return sum(any(refused(random, people, groups, alpha, validation)) for _ in range(batches)) / batches


def refused(
    random: np.random.Generator, people: int, groups: list[list[float]], alpha: float, validation: Validation
) -> Iterator[bool]:
    for shares in groups:
        before, now = (dict(enumerate(random.multinomial(n, shares).tolist())) for n in (3 * people, people))
        named = ({str(category): count for category, count in mix.items()} for mix in (before, now))
        yield drift(*named, validation.max_drift, alpha) is not None


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--days", type=int, nargs=2, default=[1, 10])
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--batches", type=int, default=20_000)
    given = arguments.parse_args()
    logging.disable(logging.WARNING)
    small, large = (cost(count, given.rounds) for count in given.days)
    print(f"{large / small:.2f} times the processor time for {given.days[1] / given.days[0]:.0f} times")
    validation = Settings(config_path=REPOSITORY / "feedwheel.toml").config().validation
    alone = validation.model_copy(update={"max_drift": 0.0, "drift_alpha": 0.05})
    for people in (20, 50, 200, 1000):
        shipped, test = (
            false_alarms(people, given.batches, validation),
            false_alarms(people, given.batches // 10, alone),
        )
        print(f"{people:5} people a batch: {shipped:.5f} refused by chance, {test:.4f} by the test alone at 0.05")


if __name__ == "__main__":
    main()
