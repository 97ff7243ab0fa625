"""How often the rules of a canary are wrong, and how soon they are right, over simulated canaries.

`tests/canaries.py` says how people behave and which functions of serving judge. An equal challenger is looked at each
time that requests are a quarter more, a worse one each time that they are a tenth more: what an earlier look would
have seen, a later one sees, and only the number of requests until then is coarser.

    python tests/bench/bench_rollout.py [--null 10000] [--runs 300] [--processes 2] [--seed 1]
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

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
    Scenario("equal, drawn to by one person in ten", share=0.1),
)
WORSE = (
    Scenario("quality 10 points lower", drop=0.1, requests=40_000),
    Scenario("quality 20 points lower", drop=0.2),
    Scenario("latency x1.5", latency_ratio=1.5),
    Scenario("latency x2", latency_ratio=2),
    Scenario("latency x4", latency_ratio=4),
    Scenario("errors 1 % to 5 %", errors=0.05),
    Scenario("errors 1 % to 15 %", errors=0.15),
    Scenario("broken form 2 % to 10 %", broken=0.1),
)
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
        draw = np.random.default_rng([self.seed, number])
        ruling, requests = play(self.scenario, self.rules, self.verdict, draw, self.growth)
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


def rule_sets(shipped: Canary) -> Iterator[tuple[str, Canary, GateVerdict]]:
    """Names, rules and verdicts: as shipped for few people, and for an application that has many."""
    strict = shipped.model_copy(update={"margin": 0.1, "max_latency_ratio": 1.2, "min_users_per_arm": 100})
    yield "shipped", shipped, "PASS"
    yield "margin 0.1, latency ratio 1.2", strict, "PASS"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--null", type=int, default=10_000, help="canaries of an equal challenger")
    parser.add_argument("--runs", type=int, default=300, help="canaries of each worse challenger")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    shipped = Settings(config_path=REPOSITORY / "feedwheel.toml").config().canary
    head = "| challenger | harm found | rolled back at the cap | promoted | requests until harm was found (quartiles) |"
    with ProcessPoolExecutor(given.processes) as pool:
        for name, rules, verdict in rule_sets(shipped):
            batch = partial(Batch, rules=rules, verdict=verdict, seed=given.seed)
            print(f"\n{name}, alpha {rules.alpha}, verdict {verdict}\n{head}\n|---|---|---|---|---|", flush=True)
            everyone = list[Ending]()
            for place, scenario in enumerate(EQUAL):
                one = replace(batch(scenario, growth=1.25), seed=given.seed + place)
                found = endings(pool, one, given.null // len(EQUAL))
                everyone += found
                print(row(scenario.name, found), flush=True)
            print(row("all equal ones", everyone), flush=True)
            for scenario in WORSE:
                print(row(scenario.name, endings(pool, batch(scenario, growth=1.1), given.runs)), flush=True)


if __name__ == "__main__":
    main()
