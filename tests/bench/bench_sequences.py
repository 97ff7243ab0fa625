"""How many pairs of people it takes to see a difference of two arms, by how the test is made.

`mixture`: pairs, a stake in parts that bet different shares, as shipped. `shrinking`: pairs, one bet that shrinks with
time as Waudby-Smith and Ramdas have it. `two intervals`: shipped intervals of both arms that no longer overlap.

    python tests/bench/bench_sequences.py [--runs 200]
"""

import argparse
from bisect import bisect_left
from collections.abc import Callable

import numpy as np

from feedback.statistics import Floats, Tails, difference_at_any_time, mean_at_any_time

TAIL = 0.0025
"""Chance of one of four harms under the shipped alpha of 0.02."""
MOST = 8000
"""Pairs of people who come."""
ARMS = ((0.61, 0.51), (0.61, 0.41), (0.7, 0.1), (0.99, 0.95), (0.99, 0.85))
"""Shares of people who are content, or whose request does not fail: champion, challenger."""


def mixture(control: Floats, treated: Floats) -> bool:
    return difference_at_any_time(treated - control, Tails.of(2 * TAIL)).high < 0


def shrinking(control: Floats, treated: Floats) -> bool:
    unit, rounds = (1 + control - treated) / 2, np.arange(1, len(control) + 1)
    means = (0.5 + np.cumsum(unit)) / (rounds + 1)
    variances = np.concatenate([[0.25], ((0.25 + np.cumsum((unit - means) ** 2)) / (rounds + 1))[:-1]])
    bets = np.minimum(np.sqrt(2 * np.log(1 / TAIL) / (variances * rounds * np.log1p(rounds))), 0.75 / 0.5)
    return bool(np.cumsum(np.log1p(bets * (unit - 0.5))).max() >= np.log(1 / TAIL))


def two_intervals(control: Floats, treated: Floats) -> bool:
    return mean_at_any_time(treated, TAIL).high < mean_at_any_time(control, TAIL).low


def needed(is_seen: Callable[[Floats, Floats], bool], control: Floats, treated: Floats) -> int:
    """Pairs until the difference is seen; all that are seen later were seen earlier."""
    return bisect_left(range(1, MOST), True, key=lambda n: is_seen(control[:n], treated[:n])) + 1


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--runs", type=int, default=200)
    runs, draw = arguments.parse_args().runs, np.random.default_rng(1)
    tests = (mixture, shrinking, two_intervals)
    print(f"pairs needed, median and 90 % quantile of {runs}\n| champion, challenger | mixture | shrinking | two |")
    for arms in ARMS:
        drawn = [[(draw.random(MOST) < share).astype(float) for share in arms] for _ in range(runs)]
        found = [np.quantile([needed(test, *both) for both in drawn], [0.5, 0.9]) for test in tests]
        print(f"| {arms} | {' | '.join(f'{median:,.0f}, {most:,.0f}' for median, most in found)} |", flush=True)


if __name__ == "__main__":
    main()
