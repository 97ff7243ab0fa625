"""Whether more of the same data is worth collecting, on people whose answers are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.curve import learning_curve

SIZES = (100, 200, 400)


def people(accuracies, count, seed=1):
    """So many people, each right or wrong at each size with these chances; who is right stays so with more data."""
    luck = np.random.default_rng(seed).random(count)
    return np.array([[float(draw < accuracy) for accuracy in accuracies] for draw in luck])


@pytest.mark.parametrize(
    ("accuracies", "count", "worth"),
    [
        ((0.4, 0.6, 0.8), 200, "collect"),
        ((0.8, 0.8, 0.8), 400, "enough"),
        ((0.5, 0.55, 0.6), 20, "unclear"),
    ],
)
def test_the_answer(accuracies, count, worth):
    found = learning_curve(SIZES, people(accuracies, count), 0.05, margin=0.05)
    assert found.worth == worth
    assert found.slope.estimate == pytest.approx((accuracies[2] - accuracies[0]) / 2, abs=0.07)
    assert found.slope.low <= found.slope.estimate <= found.slope.high
    assert [each.n for each in found.accuracies] == [count] * 3


def test_the_slope_is_that_of_least_squares_over_doublings():
    sizes, right = (90, 210, 400), people((0.3, 0.5, 0.6), 50)
    expected = np.polyfit(np.log2(sizes), right.mean(axis=0), 1)[0]
    assert learning_curve(sizes, right, 0.05, 0.05).slope.estimate == pytest.approx(expected)


@given(st.lists(st.integers(1, 10_000), min_size=2, max_size=5, unique=True), st.integers(1, 30), st.integers(0, 99))
def test_any_people_give_a_curve_within_bounds(sizes, count, seed):
    right = np.random.default_rng(seed).random((count, len(sizes)))
    found = learning_curve(sorted(sizes), right, 0.05, 0.05)
    assert found.slope.low <= found.slope.estimate + 1e-9
    assert found.slope.estimate <= found.slope.high + 1e-9
    assert all(0 <= each.low <= each.estimate <= each.high <= 1 for each in found.accuracies)


@pytest.mark.parametrize("sizes", [(10,), (10, 10), (20, 10)])
def test_sizes_that_do_not_grow_are_no_curve(sizes):
    with pytest.raises(ValueError, match="do not grow"):
        learning_curve(sizes, np.ones((3, len(sizes))), 0.05, 0.05)
