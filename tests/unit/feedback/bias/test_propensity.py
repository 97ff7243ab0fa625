"""The value of a policy from another policy's log: simulated, where it is known, and on clicks that people made."""

import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from feedback.bias.likelihood import mean_interval, ratio_interval
from feedback.bias.propensity import doubly_robust, inverse_propensity, self_normalised, weights_of
from pipelines.stack.paths import REPOSITORY
from tests.logged_clicks import held_out_rates

TRIALS = 100
MOST_MISSES = int(binom.ppf(0.999, TRIALS, 0.05))
"""A method that covers with 95 % misses more often than this once in a thousand tests."""
LIKED = np.array([0.05, 0.1, 0.2, 0.6])
"""Chance that an action is rewarded; the target is uniform, so it is worth their mean."""
LOGGED = np.array([0.02, 0.08, 0.2, 0.7])
"""The log prefers what is liked: its own value is twice the target's."""


def log(draw, n):
    actions = draw.choice(4, n, p=LOGGED)
    return actions, (draw.random(n) < LIKED[actions]).astype(float), weights_of(np.full(n, 0.25), LOGGED[actions])


def estimates(actions, rewards, weights):
    rows = np.arange(len(rewards))
    rates = held_out_rates(rewards, actions, rows % 5, 4)
    return {
        "ips": inverse_propensity(rewards, weights, rows),
        "snips": self_normalised(rewards, weights, rows),
        "dr": doubly_robust(rewards, weights, rates[rows, actions], rates.mean(axis=1), rows),
    }


def test_every_estimator_covers_the_value_as_often_as_promised():
    draw = np.random.default_rng(1)
    found = [estimates(*log(draw, 600)) for _ in range(TRIALS)]
    for name in ("ips", "snips", "dr"):
        misses = sum(not trial[name].low <= LIKED.mean() <= trial[name].high for trial in found)
        assert misses <= MOST_MISSES, name
        assert np.mean([trial[name].estimate for trial in found]) == pytest.approx(LIKED.mean(), abs=0.01), name


def test_either_right_predictions_or_right_propensities_are_enough():
    actions, rewards, weights = log(np.random.default_rng(2), 40_000)
    rows = np.arange(len(rewards))
    wrong = doubly_robust(rewards, weights, np.full(len(rows), 0.9), np.full(len(rows), 0.9), rows)
    assert wrong.low <= LIKED.mean() <= wrong.high
    unweighted = doubly_robust(rewards, np.ones(len(rows)), LIKED[actions], np.full(len(rows), LIKED.mean()), rows)
    assert unweighted.estimate == pytest.approx(LIKED.mean(), abs=0.01)
    assert rewards.mean() > 1.5 * LIKED.mean(), "the log as it is says something else"


def test_rare_heavy_rewards_are_missed_less_often_than_by_the_normal_approximation():
    draw, misses = np.random.default_rng(3), {"likelihood": 0, "normal": 0}
    for _ in range(TRIALS):
        heavy = draw.random(400) < 0.03
        values = np.where(heavy, 10.0, 0.2) * (draw.random(400) < 0.3)
        truth, error = 0.3 * (0.03 * 10 + 0.97 * 0.2), 1.96 * values.std() / 20
        found = mean_interval(values, np.arange(400), (0.0, 10.0))
        misses["likelihood"] += not found.low <= truth <= found.high
        misses["normal"] += not values.mean() - error <= truth <= values.mean() + error
    assert misses["likelihood"] < misses["normal"]


def test_one_person_s_answers_are_one_piece_of_evidence():
    draw = np.random.default_rng(4)
    misses = 0
    for _ in range(TRIALS):
        people = np.repeat(np.arange(60), 10)
        values = (draw.random(600) < draw.beta(1, 1, 60)[people]).astype(float)
        found = mean_interval(values, people)
        misses += not found.low <= 0.5 <= found.high
        assert found.n == 60
    assert misses <= MOST_MISSES


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 50)), max_size=30))
def test_an_interval_lies_within_its_bounds_and_around_an_estimate_within_them(rows):
    rewards, weights = np.array([reward for reward, _ in rows]), np.array([weight for _, weight in rows])
    found = ratio_interval(weights * rewards, weights, np.arange(len(rows)))
    assert 0 <= found.low <= found.high <= 1
    if weights.sum() > 0:
        assert found.low - 1e-9 <= found.estimate <= found.high + 1e-9


def test_no_reward_at_all_says_nothing_of_how_rare_rewards_are():
    found = mean_interval(np.zeros(50), np.arange(50))
    assert (found.estimate, found.low, found.high) == (0.0, 0.0, 1.0)


@pytest.mark.parametrize("logged", [0.0, -0.1, 1.1])
def test_a_propensity_that_cannot_be_is_refused(logged):
    with pytest.raises(ValueError, match="propensity"):
        weights_of(np.array([0.5]), np.array([logged]))


def clicks(policy):
    with (REPOSITORY / "tests" / "data" / "obd" / f"{policy}.csv").open() as file:
        rows = list(csv.DictReader(file))
    return tuple(np.array([float(row[name]) for row in rows]) for name in ("item_id", "click", "propensity_score"))


def test_a_thompson_sampler_s_log_tells_what_the_random_policy_got():
    items, clicked, logged = clicks("bts")
    _, truth, _ = clicks("random")
    weights, rows = weights_of(np.full(len(items), 1 / 34), logged), np.arange(len(items))
    rates = held_out_rates(clicked, items.astype(int), rows % 5, 34)
    for found in (
        inverse_propensity(clicked, weights, rows),
        self_normalised(clicked, weights, rows),
        doubly_robust(clicked, weights, rates[rows, items.astype(int)], rates.mean(axis=1), rows),
    ):
        assert found.low <= truth.mean() <= found.high
        assert found.high < 0.01, "an interval that holds everything shows nothing"
        assert found.estimate < clicked.mean()
