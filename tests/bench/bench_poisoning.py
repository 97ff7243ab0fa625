"""How far simulated attacks move the labels that training gets, with the defence and without it.

Each attack is played over several seeds, once without any hostile person and once with; accuracy is against the truth.

    python tests/bench/bench_poisoning.py [--seeds 5] [--first-seed 1] [--hostile 0.01,0.05,0.2]
"""

import argparse
import statistics
from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

from scipy import stats

from pipelines.settings import Settings
from pipelines.simulate.messages import SHIPPED, LabelledMessage, read_messages
from schemas.config import Config
from tests.poisoning import Attack, Scene, outcome


def accuracies(
    scene: Scene, seeds: int, messages: Sequence[LabelledMessage], config: Config, *, defended: bool
) -> list[float]:
    scenes = (replace(scene, seed=scene.seed + number) for number in range(seeds))
    return [100 * outcome(each, messages, config, defended=defended).accuracy for each in scenes]


def interval(values: Sequence[float]) -> str:
    half = stats.t.ppf(0.975, len(values) - 1) * statistics.stdev(values) / len(values) ** 0.5
    return f"{statistics.fmean(values):6.1f} +- {half:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, choices=range(2, 101), metavar="N")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--hostile", default="0.01,0.05,0.2")
    arguments = parser.parse_args()
    messages, config = read_messages(SHIPPED), Settings().config()
    honest = Scene("liars", hostile=0.0, seed=arguments.first_seed)
    for defended in (False, True):
        found = accuracies(honest, arguments.seeds, messages, config, defended=defended)
        print(f"{'nobody hostile':20} {'defended' if defended else 'open':9} {interval(found)}", flush=True)
    for share in map(float, arguments.hostile.split(",")):
        for attack in get_args(Attack):
            for defended in (False, True):
                found = accuracies(
                    Scene(attack, share, seed=arguments.first_seed),
                    arguments.seeds,
                    messages,
                    config,
                    defended=defended,
                )
                how = "defended" if defended else "open"
                print(f"{attack:20} {share:4.0%} {how:9} {interval(found)}", flush=True)


if __name__ == "__main__":
    main()
