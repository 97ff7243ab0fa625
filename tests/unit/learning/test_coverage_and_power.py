"""How evenly a set is spread, and what so many people can show, against what is known of both."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.coverage import length_band, spread
from feedback.power import LOST, POWER, detectable_difference, power_of
from feedback.statistics import is_above, mean_interval


@given(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=40))
def test_entropy_is_between_one_group_and_equal_groups(names):
    found = spread(names)
    assert 0 <= found.entropy <= np.log2(found.groups) + 1e-9
    assert found.evenness is None if found.groups == 1 else 0 < found.evenness <= 1 + 1e-9
    assert spread(reversed(names)) == found
    assert sum(found.counts.values()) == len(names)


def test_entropy_of_what_is_known():
    assert spread("aabb").entropy == 1.0
    assert spread("aaaa").entropy == 0.0
    assert spread(map(str, range(8))).entropy == 3.0
    assert spread([]).entropy == 0.0
    assert spread("aabb", named=False).counts == {}


@pytest.mark.parametrize(("words", "band"), [(0, "0 to 7"), (7, "0 to 7"), (8, "8 to 15"), (128, "128"), (999, "128")])
def test_bands_of_length(words, band):
    assert length_band("word " * words).startswith(f"{band} words")


@pytest.mark.parametrize("people", [20, 60, 120])
def test_the_gate_sees_a_detectable_difference_in_about_four_of_five_tries(people):
    difference = detectable_difference(people, 0.05)
    draw = np.random.default_rng(7)
    shares = [difference + LOST, LOST, 1 - difference - 2 * LOST]
    tries = [draw.choice([1.0, -1.0, 0.0], size=people, p=shares) for _ in range(200)]
    seen = np.mean([mean_interval(values, 0.05, (-1.0, 1.0)).low > 0 for values in tries])
    assert POWER - 0.08 < seen < POWER + 0.08


@given(st.lists(st.sampled_from([-1.0, 0.0, 0.5, 1.0]), min_size=1, max_size=60), st.floats(-0.9, 0.9))
def test_an_interval_is_above_where_its_lower_end_is(values, level):
    low = mean_interval(np.array(values), 0.05, (-1.0, 1.0)).low
    if abs(low - level) > 0.003:  # nearer, the grid decides
        assert is_above(level, np.array(values), 0.05, (-1.0, 1.0)) == (low > level)


def test_more_people_show_less_and_about_what_the_usual_table_says():
    """Rule of thumb: 30 % takes some 10, 10 % some 100, 3 % some 1,000; valid intervals and power ask for more."""
    found = {people: detectable_difference(people, 0.05) for people in (20, 100, 1_000, 10_000)}
    assert sorted(found.values(), reverse=True) == list(found.values())
    for people, usual in ((100, 0.10), (1_000, 0.03), (10_000, 0.01)):
        assert usual < found[people] < 2.5 * usual


def test_nobody_and_too_few_show_nothing():
    assert power_of(0, 0, 0.05).detectable is None
    assert power_of(3, 3, 0.05).detectable is None
