"""Each correction recovers what is true in simulated data, and the uncorrected figure does not."""

import numpy as np
import pytest

from feedback.bias.latency import at_equal_latency, latency_slope
from feedback.bias.length import length_controlled
from feedback.bias.leniency import leniency, people_share, without_leniency
from feedback.bias.logistic import sigmoid
from feedback.bias.loop import concentration, own_share
from feedback.bias.order import order_balanced
from feedback.bias.position import examination, undo_position
from feedback.bias.randomness import agreement, is_considered
from feedback.bias.response import reweighted
from feedback.bias.traffic import may_train, traffic_of


@pytest.fixture
def draw():
    return np.random.default_rng(7)


class TestLeniency:
    def test_variances_and_offsets_are_found_and_taken_away(self, draw):
        counts = draw.integers(1, 12, 400)
        people = np.repeat(np.arange(400), counts)
        lenient = draw.normal(0, 0.2, 400)
        ratings = 0.5 + lenient[people] + draw.normal(0, 0.1, len(people))
        found = leniency(ratings, people)
        assert people_share(ratings, people) == pytest.approx(0.8, abs=0.04)
        assert found.mean.estimate == pytest.approx(0.5 + lenient.mean(), abs=0.01)
        assert np.corrcoef(found.offsets, lenient)[0, 1] > 0.95
        assert people_share(without_leniency(ratings, people), people) < 0.1

    def test_who_has_rated_little_is_taken_to_be_like_everybody(self, draw):
        people = np.repeat(np.arange(200), [1, 40] * 100)
        lenient = draw.normal(0, 0.1, 200)
        ratings = 0.5 + lenient[people] + draw.normal(0, 0.2, len(people))
        found = leniency(ratings, people)
        means = np.bincount(people, weights=ratings) / np.bincount(people) - found.mean.estimate
        shrunken = found.offsets / means
        assert shrunken[::2] == pytest.approx(np.full(100, 0.2), abs=0.08)  # 0.01 / (0.01 + 0.04 / 1)
        assert shrunken[1::2] == pytest.approx(np.full(100, 0.91), abs=0.05)  # 0.01 / (0.01 + 0.04 / 40)

    def test_people_who_never_vary_are_nothing_but_lenient(self):
        people, ratings = np.repeat(np.arange(3), 4), np.repeat([0.1, 0.7, 1.0], 4)
        assert people_share(ratings, people) == 1.0
        assert people_share(without_leniency(ratings, people), people) == 0.0

    def test_one_rating_each_tells_nothing_apart(self, draw):
        ratings = draw.random(30)
        assert without_leniency(ratings, np.arange(30)) == pytest.approx(ratings)


class TestRandomness:
    def test_who_cannot_have_read_is_told_from_who_was_not_timed(self):
        dwell = np.array([200.0, 2900.0, 3100.0, 200.0, np.nan])
        characters = np.array([180.0, 5000.0, 5000.0, 6.0, 5000.0])
        assert is_considered(dwell, characters).tolist() == [False, False, True, True, True]

    def test_people_who_click_anything_count_little_and_the_share_comes_right(self, draw):
        truth = draw.random(150) < 0.8
        accuracy = np.array([0.95] * 20 + [0.5] * 20)
        items = np.repeat(np.arange(150), 8)
        people = np.concatenate([draw.choice(40, 8, replace=False) for _ in range(150)])
        right = draw.random(len(items)) < accuracy[people]
        votes = np.where(right, truth[items], ~truth[items]).astype(float)
        found = agreement(votes, people, items)
        assert found.shared == 150
        assert found.weights[:20].min() > 0.6
        assert found.weights[20:].max() < 0.5
        weights = found.weights[people]
        assert abs((weights * votes).sum() / weights.sum() - truth.mean()) < abs(votes.mean() - truth.mean()) / 2

    def test_who_shares_nothing_with_anybody_keeps_the_prior(self):
        found = agreement(np.array([1.0, 0.0, 0.0]), np.array([0, 1, 1]), np.array([0, 1, 1]))
        assert found.shared == 0
        assert found.accuracy == pytest.approx([0.8, 0.8])


class TestPosition:
    def test_places_drawn_with_known_chances_show_how_often_each_is_looked_at(self, draw):
        looked_at, liked = np.array([1.0, 0.6, 0.3]), np.array([0.5, 0.2])
        chances = np.array([[0.6, 0.3, 0.1], [0.2, 0.3, 0.5]])  # the better option is mostly first
        options = draw.integers(0, 2, 60_000)
        positions = (draw.random(60_000)[:, None] > chances.cumsum(axis=1)[options]).sum(axis=1)
        chosen = (draw.random(60_000) < looked_at[positions] * liked[options]).astype(float)
        found = examination(chosen, positions, chances[options, positions])
        assert found == pytest.approx(looked_at, abs=0.04)
        undone = undo_position(chosen, positions, found)
        rates = np.bincount(options, weights=undone) / np.bincount(options)
        assert rates == pytest.approx(liked, abs=0.02)
        raw = np.bincount(options, weights=chosen) / np.bincount(options)
        assert raw[0] / raw[1] > 1.5 * liked[0] / liked[1]

    def test_without_a_choice_at_the_first_place_nothing_is_known_and_choices_stand(self):
        chosen, positions = np.array([0.0, 1.0]), np.array([0, 1])
        found = examination(chosen, positions, np.array([0.5, 0.5]))
        assert np.isnan(found).all()
        assert undo_position(chosen, positions, found) == pytest.approx(chosen)


class TestComparisons:
    def test_a_model_that_was_shown_first_more_often_wins_no_more_by_it(self, draw):
        first = (draw.random(4000) < 0.8).astype(float)
        won = (draw.random(4000) < np.where(first > 0, 0.65, 0.35)).astype(float)  # equal models
        found = order_balanced(won, first, np.arange(4000))
        assert found.low <= 0.5 <= found.high
        assert won.mean() > 0.57
        assert order_balanced(won, np.ones(4000), np.arange(4000)) is None

    def test_a_model_that_is_only_longer_is_not_better(self, draw):
        difference = draw.normal(150, 200, 3000)
        won = (draw.random(3000) < sigmoid(1.2 * np.tanh(difference / 200))).astype(float)
        found = length_controlled(won, difference, np.arange(3000))
        assert found.low <= 0.5 <= found.high
        assert won.mean() > 0.6

    def test_separable_comparisons_stay_finite(self):
        found = length_controlled(np.ones(20), np.arange(20.0), np.arange(20))
        assert 0.5 < found.low <= found.estimate <= found.high <= 1


class TestResponse:
    def test_who_is_satisfied_and_silent_is_counted(self, draw):
        """Impatience makes people unhappy and makes them speak; half of the conversations offer no controls."""
        n, people = 6000, np.arange(6000) // 4
        features = draw.normal(size=(n, 2))
        satisfied = (draw.random(n) < sigmoid(1 - features[:, 0])).astype(float)
        offered = (draw.random(n) < 0.5).astype(float)
        answered = (draw.random(n) < sigmoid(-1.5 + features[:, 0])) * offered
        found = reweighted(satisfied, answered, offered, np.full(n, 0.5), features, people)
        truth = float(sigmoid(1 - draw.normal(size=200_000)).mean())
        for interval in (found.doubly_robust, found.self_normalised, found.inverse_propensity):
            assert interval.low <= truth <= interval.high
        assert found.answered.high < truth - 0.05


class TestLatency:
    def test_a_slower_model_is_judged_at_equal_latency(self, draw):
        slower = (draw.random(8000) < 0.5).astype(float)
        latency = 1000 * 2 ** (draw.normal(0, 1, 8000) + slower)
        satisfied = (draw.random(8000) < sigmoid(1 - 0.7 * np.log2(latency / 1000))).astype(float)
        found = at_equal_latency(satisfied, slower, latency, np.arange(8000))
        assert found.raw.high < -0.1
        assert abs(found.stratified.estimate) < abs(found.raw.estimate) / 4
        slope = latency_slope(satisfied, latency, np.arange(8000))
        assert slope.low <= -0.7 <= slope.high

    def test_models_that_share_no_latency_cannot_be_compared(self):
        latency = np.concatenate([np.full(50, 100.0), np.full(50, 900.0)])
        assert at_equal_latency(np.ones(100), np.repeat([0.0, 1.0], 50), latency, np.arange(100)) is None


@pytest.mark.parametrize(
    ("policy", "arm", "split", "traffic", "trains"),
    [
        ("normal", "champion", "train", "normal", True),
        (None, "champion", "train", "normal", True),
        ("normal", "challenger", "train", "exploration", True),
        ("gate", "champion", "train", "holdout", False),
        ("normal", "challenger", "eval", "holdout", False),
    ],
)
def test_traffic_is_told_apart_by_what_the_exposure_says(policy, arm, split, traffic, trains):
    assert traffic_of(policy, arm, split) == traffic
    assert may_train(traffic) == trains


class TestLoop:
    @pytest.mark.parametrize("size", [60, 6000])
    def test_concentration_does_not_depend_on_the_size_of_a_build(self, draw, size):
        found = [concentration(draw.integers(0, 20, size).tolist()) for _ in range(100)]
        assert np.mean(found) == pytest.approx(1 / 20, abs=0.005)

    def test_a_model_that_only_repeats_itself_is_seen(self):
        assert concentration("aaaa") == 1.0
        assert concentration("abcd") == 0.0
        assert own_share([True, True, False, False]) == 0.5
        assert (concentration("a"), own_share([])) == (None, None)
