"""Intervals cover what they promise at small n and at any look; verdicts follow the stated rule."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from feedback.statistics import (
    Interval,
    Tails,
    difference_at_any_time,
    excess_at_any_time,
    mean_at_any_time,
    mean_interval,
    verdict,
)

ALPHA = 0.1
TRIALS = 300
MOST_MISSES = int(binom.ppf(0.999, TRIALS, ALPHA))
"""A method that covers with 1 - alpha misses more often than this once in a thousand tests."""

DISTRIBUTIONS = {
    "rare": lambda draw, n: (draw.random(n) < 0.04).astype(float),
    "even": lambda draw, n: (draw.random(n) < 0.5).astype(float),
    "spread": lambda draw, n: draw.random(n),
    "skewed": lambda draw, n: draw.beta(0.2, 2.0, n),
}
MEANS = {"rare": 0.04, "even": 0.5, "spread": 0.5, "skewed": 0.2 / 2.2}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
@pytest.mark.parametrize("n", [5, 40])
def test_the_interval_covers_the_mean_as_often_as_promised(name: str, n: int) -> None:
    draw = np.random.default_rng(3)
    intervals = [mean_interval(DISTRIBUTIONS[name](draw, n), ALPHA) for _ in range(TRIALS)]
    misses = sum(not interval.low <= MEANS[name] <= interval.high for interval in intervals)
    assert misses <= MOST_MISSES


@pytest.mark.parametrize("name", ["rare", "even"])
def test_looking_after_every_value_still_covers(name: str) -> None:
    draw = np.random.default_rng(4)
    misses = 0
    for _ in range(100):
        values = DISTRIBUTIONS[name](draw, 60)
        looks = [mean_at_any_time(values[:n], ALPHA) for n in range(2, 61, 3)]
        misses += any(not look.low <= MEANS[name] <= look.high for look in looks)
    assert misses <= int(binom.ppf(0.999, 100, ALPHA))


def test_more_values_narrow_the_interval() -> None:
    draw = np.random.default_rng(5)
    values = DISTRIBUTIONS["even"](draw, 800)
    widths = [mean_interval(values[:n], 0.05).high - mean_interval(values[:n], 0.05).low for n in (20, 100, 400, 800)]
    assert widths == sorted(widths, reverse=True)
    assert widths[2] < 0.16  # the normal approximation would give 0.098


@given(
    st.lists(st.floats(-1, 1), min_size=1, max_size=60),
    st.sampled_from([mean_interval, mean_at_any_time]),
)
def test_an_interval_lies_within_the_bounds_and_around_nothing_else(values: list[float], method) -> None:
    interval = method(np.array(values), ALPHA, (-1.0, 1.0))
    assert -1.0 <= interval.low <= interval.high <= 1.0
    assert interval.n == len(values)


def test_no_values_say_nothing() -> None:
    interval = mean_interval(np.array([]), 0.05, (-1.0, 1.0))
    assert (interval.low, interval.high, interval.n) == (-1.0, 1.0, 0)


def test_values_outside_the_bounds_are_refused() -> None:
    with pytest.raises(ValueError, match="outside"):
        mean_interval(np.array([0.2, 1.2]), 0.05)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.01, 0.2, "PASS"),
        (-0.2, -0.01, "FAIL"),
        (-0.04, 0.2, "MARGINAL"),
        (-0.04, 0.0, "MARGINAL"),
        (-0.05, 0.2, "INCONCLUSIVE"),
        (0.0, 0.1, "MARGINAL"),
        (-1.0, 1.0, "INCONCLUSIVE"),
    ],
)
def test_verdicts(low: float, high: float, expected: str) -> None:
    assert verdict(Interval(0.0, low, high, 10), margin=0.05) == expected


def test_a_difference_of_two_arms_covers_at_every_look() -> None:
    draw = np.random.default_rng(6)
    misses = 0
    for _ in range(100):
        control, treated = (draw.random(70) < 0.4).astype(float), (draw.random(70) < 0.6).astype(float)
        looks = [difference_at_any_time((treated - control)[:n], Tails.of(ALPHA)) for n in range(2, 71, 4)]
        misses += any(not look.low <= 0.2 <= look.high for look in looks)
        assert looks[-1].n == 70
    assert misses <= int(binom.ppf(0.999, 100, ALPHA))


def test_what_changes_over_time_for_everybody_is_no_difference() -> None:
    """Both arms go from nobody satisfied to everybody, and the treated one is as much better all the way."""
    draw = np.random.default_rng(7)
    mood = np.linspace(0.0, 0.8, 300)
    control, treated = ((draw.random(300) < mood + more).astype(float) for more in (0.0, 0.2))
    found = difference_at_any_time(treated - control, Tails.of(0.05))
    assert found.low <= 0.2 <= found.high
    assert found.low > 0.05


def test_each_end_of_an_interval_errs_as_it_may() -> None:
    values = np.random.default_rng(8).choice([-1.0, 0.0, 1.0], 200)
    wide, narrow = Tails(0.001, 0.001), Tails(0.2, 0.2)
    mixed = difference_at_any_time(values, Tails(0.001, 0.2))
    assert mixed.low == difference_at_any_time(values, wide).low
    assert mixed.high == difference_at_any_time(values, narrow).high


@pytest.mark.parametrize("values", ["coins", "rare", "heavy"])
def test_a_p_value_is_small_as_seldom_as_it_says_at_any_time(values: str) -> None:
    draw, n = np.random.default_rng(9), 400
    made = {
        "coins": lambda: draw.choice([-1.0, 1.0], n),
        "rare": lambda: (draw.random(n) < 0.02) * 1.0 - (draw.random(n) < 0.02) * 1.0,
        "heavy": lambda: np.clip(draw.standard_t(1.5, n), -1, 1),
    }[values]
    found = [excess_at_any_time(made()) for _ in range(TRIALS)]
    assert sum(one.p_value <= ALPHA for one in found) <= MOST_MISSES
    assert all(one.p_value <= 1 for one in found)


def test_a_p_value_only_falls_and_ends_an_interval_where_it_says() -> None:
    draw = np.random.default_rng(10)
    values = np.clip(draw.normal(0.3, 0.6, 600), -1, 1)
    looks = [excess_at_any_time(values[:n]).p_value for n in range(10, 601, 10)]
    assert looks == sorted(looks, reverse=True)
    assert looks[-1] < 0.001
    assert difference_at_any_time(values, Tails(0.01, 0.01)).low > 0


def test_evidence_goes_as_it_came() -> None:
    rising = np.concatenate([np.ones(40), -np.ones(200)])
    found = excess_at_any_time(rising)
    assert found.p_value < 1e-6
    assert found.e_value < 1
    assert excess_at_any_time(np.ones(100_000)).e_value < float("inf")
    assert excess_at_any_time(np.array([])).p_value == 1.0
