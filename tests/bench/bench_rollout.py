"""How often the rules of a canary are wrong, and how soon they are right, over simulated canaries.

`tests/canaries.py` says how people behave and which functions of serving judge. An equal challenger is looked at each
time that requests are 40 % more, a worse one each time that they are 10 % more: what an earlier look would
have seen, a later one sees, and only the number of requests until then is coarser.

    python tests/bench/bench_rollout.py [--null 10000] [--runs 300] [--processes 2] [--seed 1]
"""

import argparse
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from feedwheel_capture.vocabulary import GateVerdict

from pipelines.settings import Settings
from pipelines.stack.paths import REPOSITORY
from schemas.config import Canary
from tests.bench.intervals import interval
from tests.canaries import Scenario, play

EQUAL = (
    Scenario("equal"),
    Scenario("equal, its people respond a third less", response_ratio=2 / 3),
    Scenario("equal, its people respond half as much again", response_ratio=1.5),
)
WORSE = (
    Scenario("quality 10 points lower", drop=0.1),
    Scenario("quality 20 points lower", drop=0.2),
    Scenario("quality 10 points lower, its discontented say so a third less", drop=0.1, discontent_says=2 / 3),
    Scenario("latency x1.5", latency_ratio=1.5),
    Scenario("latency x2", latency_ratio=2),
    Scenario("latency x4", latency_ratio=4),
    Scenario("errors 1 % to 5 %", errors=0.05),
    Scenario("errors 1 % to 15 %", errors=0.15),
    Scenario("broken form 2 % to 10 %", broken=0.1),
)
REQUESTS = 80_000
"""The cap that the shipped rules are made for; a quarter as many people, of whom two thirds ask."""
DEMONSTRATION = 20_000
CAPS = ((0.1, 20_000), (0.1, 40_000), (0.15, 36_000), (0.2, 20_000), (0.3, 9_000))
"""Margins, and requests by which equal challengers are to be promoted."""
HARMS = ("errors", "latency", "form", "worse")
"""How the rationale of a rollback begins that says something is wrong, and not that the time was up."""
CHUNK = 50


@dataclass(frozen=True)
class Ending:
    state: str
    reason: str
    requests: int

    @property
    def is_harm(self) -> bool:
        return self.state == "ROLLBACK" and self.reason in HARMS


@dataclass(frozen=True)
class Batch:
    """Canaries of one scenario; every one has a seed of its own."""

    scenario: Scenario
    rules: Canary
    verdict: GateVerdict
    growth: float
    seed: int

    def play(self, number: int) -> Ending:
        ruling, requests = play(self.scenario, self.rules, self.verdict, (self.seed, number), self.growth)
        return Ending(ruling.state, ruling.rationale.split(":")[0], requests)


def endings(pool: ProcessPoolExecutor, batch: Batch, runs: int) -> list[Ending]:
    started, found = time.perf_counter(), list[Ending]()
    for ending in pool.map(batch.play, range(runs), chunksize=CHUNK):
        found.append(ending)
        if len(found) % 1000 == 0:
            print(f"  {batch.scenario.name}: {len(found)} of {runs}, {time.perf_counter() - started:.0f} s", flush=True)
    return found


def row(name: str, found: Sequence[Ending]) -> str:
    harmed = [ending for ending in found if ending.is_harm]
    late = sum(ending.state == "ROLLBACK" for ending in found) - len(harmed)
    promoted = sum(ending.state == "PROMOTE" for ending in found)
    when = "-"
    if harmed:
        low, median, high = np.quantile([ending.requests for ending in harmed], [0.25, 0.5, 0.75])
        when = f"{median:,.0f} ({low:,.0f} to {high:,.0f})"
    cells = (
        interval(len(harmed), len(found), 4),
        interval(late, len(found), 4),
        interval(promoted, len(found), 4),
        when,
    )
    return f"| {name} | {' | '.join(cells)} |"


HEAD = "| challenger | harm found | rolled back at the cap | promoted | requests until harm was found (quartiles) |"


def table(pool: ProcessPoolExecutor, title: str, batches: Iterable[tuple[Batch, int]]) -> list[Ending]:
    print(f"\n{title}\n{HEAD}\n|---|---|---|---|---|", flush=True)
    everyone = list[Ending]()
    for batch, runs in batches:
        found = endings(pool, batch, runs)
        everyone += found
        print(row(batch.scenario.name, found), flush=True)
    return everyone


def equal(rules: Canary, requests: int, seed: int) -> Iterator[Batch]:
    for place, scenario in enumerate(EQUAL):
        yield Batch(replace(scenario, requests=requests), rules, "PASS", 1.4, seed + place)


def worse(rules: Canary, requests: int, seed: int) -> Iterator[Batch]:
    for scenario in WORSE:
        yield Batch(replace(scenario, requests=requests), rules, "PASS", 1.1, seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--null", type=int, default=10_000, help="canaries of an equal challenger")
    parser.add_argument("--runs", type=int, default=300, help="canaries of each worse challenger")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    config = Settings(config_path=REPOSITORY / "feedwheel.toml").config()
    rules, few, seed = config.canary, config.canary_of("routing"), given.seed
    with ProcessPoolExecutor(given.processes) as pool:
        title = f"margin {rules.margin}, latency ratio {rules.max_latency_ratio}, {REQUESTS:,} requests"
        nulls = [(batch, given.null // len(EQUAL)) for batch in equal(rules, REQUESTS, seed)]
        print(row("all equal ones", table(pool, f"{title}: equal", nulls)), flush=True)
        table(pool, f"{title}: worse", [(batch, given.runs) for batch in worse(rules, REQUESTS, seed)])
        for margin, requests in CAPS:
            other = rules.model_copy(update={"margin": margin})
            batches = [(batch, given.runs) for batch in equal(other, requests, seed)]
            table(pool, f"margin {margin}, {requests:,} requests", batches)
        tenth = Batch(
            Scenario("equal, one person in ten drawn", share=0.1, requests=REQUESTS), rules, "PASS", 1.4, seed
        )
        table(pool, "a smaller share", [(tenth, given.runs)])
        few_worse = [(batch, given.runs) for batch in worse(few, DEMONSTRATION, seed)]
        few_equal = [(batch, given.runs) for batch in equal(few, DEMONSTRATION, seed)]
        table(
            pool,
            f"the demonstration, margin {few.margin}, latency ratio {few.max_latency_ratio}",
            few_equal + few_worse,
        )


if __name__ == "__main__":
    main()
