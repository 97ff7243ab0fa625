"""I6: an equal challenger passes no more often than the gate's error rate allows."""

import numpy as np
import pytest
from scipy.stats import binom

from feedback.gate import Asked, Outcome, Rules, decide

TURNS = 200
ALPHA = 0.05
RULES = Rules(alpha=ALPHA, margin=0.05, min_items=30, min_users=10, min_response_rate=0.6)
NOMINAL = ALPHA / 2
"""The interval is two-sided; only its lower end passes a challenger."""


def turn(seed, accuracy, gain=0.0, people=85, items=110, agreement=0.5):
    """One turn's gate items: people differ in how hard their messages are, and both models find the same ones hard.

    `agreement`: share of items that both answer alike, as two models trained on much the same data do.
    """
    draw = np.random.default_rng(seed)
    ease = draw.beta(accuracy * 6, (1 - accuracy) * 6, size=people)
    owners = draw.integers(people, size=items)
    champion = draw.random(items) < ease[owners]
    own = draw.random(items) < np.clip(ease[owners] + gain, 0, 1)
    challenger = np.where(draw.random(items) < agreement, champion, own)
    return [
        Outcome(f"{owner:03d}", bool(one), bool(other))
        for owner, one, other in zip(owners, champion, challenger, strict=True)
    ]


def verdicts(**how):
    return [decide(turn(seed, **how), Asked(125, 110), RULES).verdict for seed in range(TURNS)]


@pytest.mark.parametrize("accuracy", [0.3, 0.7, 0.95])
@pytest.mark.parametrize("agreement", [0.0, 0.5])
def test_an_equal_challenger_rarely_passes(accuracy, agreement):
    passed = verdicts(accuracy=accuracy, agreement=agreement).count("PASS")
    assert passed <= binom.ppf(0.99, TURNS, NOMINAL)


@pytest.mark.parametrize("accuracy", [0.3, 0.7, 0.95])
def test_an_equal_challenger_rarely_fails(accuracy):
    assert verdicts(accuracy=accuracy).count("FAIL") <= binom.ppf(0.99, TURNS, NOMINAL)


def test_a_clearly_better_challenger_passes():
    assert verdicts(accuracy=0.3, gain=0.6, agreement=0.0).count("PASS") >= 0.9 * TURNS


def test_a_clearly_worse_challenger_never_passes_and_mostly_fails():
    found = verdicts(accuracy=0.8, gain=-0.7, agreement=0.0)
    assert found.count("PASS") == 0
    assert found.count("FAIL") >= 0.9 * TURNS
