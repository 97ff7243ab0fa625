"""The rules that end a test, and what they do to equal and to different models."""

import random

import pytest

from schemas.config import Canary
from serving.rollout.decide import local_ruling, quality_difference, quality_ruling
from serving.rollout.evidence import ArmOutcomes
from serving.rollout.traffic import ArmTraffic

RULES = Canary(
    share=0.5,
    alpha=0.05,
    margin=0.3,
    min_users_per_arm=8,
    maturity_s=2,
    max_duration_s=60,
    max_error_rate=0.1,
    max_latency_ratio=3.0,
)


def people(count, quality, responded=1.0, seed=0):
    """`count` judged people, a share `quality` of whom liked it."""
    draw = random.Random(seed)
    liked = [float(draw.random() < quality) for _ in range(count)]
    asked = [float(draw.random() < responded) for _ in range(int(count / responded))]
    return ArmOutcomes(liked, asked)


def rule(champion, challenger, verdict="WAIVED", time_is_up=False):
    difference = quality_difference(champion, challenger, RULES.alpha)
    return quality_ruling(difference, verdict, RULES, time_is_up=time_is_up).state


@pytest.mark.parametrize(
    ("champion", "challenger", "states"),
    [
        # quality of the arms, then what follows for a PASS and a WAIVED challenger, before and after the time is up
        (0.05, 0.7, ("PROMOTE", "PROMOTE", "PROMOTE", "PROMOTE")),
        (0.7, 0.05, ("ROLLBACK", "ROLLBACK", "ROLLBACK", "ROLLBACK")),
        (0.6, 0.75, ("PROMOTE", "RUNNING", "PROMOTE", "PROMOTE")),
        (0.75, 0.6, ("RUNNING", "RUNNING", "ROLLBACK", "ROLLBACK")),
    ],
)
def test_rules_on_quality(champion, challenger, states):
    before, after = people(90, champion, seed=1), people(90, challenger, seed=2)
    found = [rule(before, after, verdict, up) for up in (False, True) for verdict in ("PASS", "WAIVED")]
    assert tuple(found) == states


def test_too_few_people_decide_nothing_until_the_time_is_up():
    few = people(7, 0.5)
    assert rule(people(50, 0.5), few) == "NODATA"
    assert rule(people(50, 0.5), few, time_is_up=True) == "ROLLBACK"
    nobody = ArmOutcomes()
    assert rule(nobody, nobody) == "NODATA"
    assert rule(nobody, nobody, time_is_up=True) == "ROLLBACK"


def test_an_arm_whose_people_keep_silent_is_not_believed():
    champion, challenger = people(120, 0.3, responded=1.0, seed=1), people(120, 0.62, responded=0.5, seed=2)
    difference = quality_difference(champion, challenger, RULES.alpha)
    plain = quality_difference(ArmOutcomes(champion.quality), ArmOutcomes(challenger.quality), RULES.alpha)
    assert difference.low == pytest.approx(plain.low - 0.5, abs=0.1)
    assert (difference.high, difference.estimate) == (plain.high, plain.estimate)
    assert plain.low > 0
    assert rule(champion, challenger) == "RUNNING"


def test_equal_response_rates_shift_nothing():
    champion, challenger = people(60, 0.3, responded=0.6, seed=1), people(60, 0.6, responded=0.55, seed=2)
    plain = quality_difference(ArmOutcomes(champion.quality), ArmOutcomes(challenger.quality), RULES.alpha)
    assert quality_difference(champion, challenger, RULES.alpha) == plain


def test_equal_models_are_not_often_called_different():
    """Looked at after every ten people, 100 tests: at most alpha may say that one of two equal models is better."""
    wrong = 0
    for seed in range(100):
        draw = random.Random(seed)
        arms = [[float(draw.random() < 0.6) for _ in range(100)] for _ in range(2)]
        looks = [[ArmOutcomes(arm[:count], [1.0] * count) for arm in arms] for count in range(10, 101, 10)]
        differences = [quality_difference(*outcomes, RULES.alpha) for outcomes in looks]
        wrong += any(difference.low > 0 or difference.high < 0 for difference in differences)
    assert wrong <= 5


def traffic(requests, failed=0, latency_ms=100.0):
    arm = ArmTraffic()
    for number in range(requests):
        arm.add(None if number < failed else latency_ms)
    return arm


@pytest.mark.parametrize(
    ("challenger", "reason"),
    [
        (traffic(30), None),
        (traffic(30, failed=2), None),
        (traffic(4, failed=4), "errors"),
        (traffic(60, failed=25), "errors"),
        (traffic(30, latency_ms=301), "latency"),
        (traffic(30, latency_ms=299), None),
        (traffic(10, latency_ms=900), None),  # too few to compare
    ],
)
def test_rules_that_need_no_kafka(challenger, reason):
    ruling = local_ruling(traffic(30), challenger, RULES)
    assert (ruling.rationale.split(":")[0] if ruling else None) == reason


def test_a_slow_challenger_is_not_judged_against_silence():
    assert local_ruling(traffic(0), traffic(50, latency_ms=5000), RULES) is None
