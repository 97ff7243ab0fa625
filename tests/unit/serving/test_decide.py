"""The rules that end a test, and what they do to equal and to different models."""

import random
from itertools import chain, zip_longest

import numpy as np
import pytest

from serving.rollout.decide import harms, local_ruling, quality_difference, quality_ruling
from serving.rollout.evidence import Outcomes
from serving.rollout.traffic import Traffic
from tests.canaries import Scenario, play, rules

RULES = rules(alpha=0.05)


def people(count, quality, responded=1.0, seed=0):
    """What `count` judged people said, a share `quality` of whom liked it, and whether people responded at all."""
    draw = random.Random(seed)
    liked = [float(draw.random() < quality) for _ in range(count)]
    asked = [draw.random() < responded for _ in range(int(count / responded))]
    return liked, asked


def outcomes(champion, challenger):
    """Both arms' people, one after the other."""
    found = Outcomes()
    arms = (("champion", champion), ("challenger", challenger))
    for number in range(max(len(side) for _, arm in arms for side in arm)):
        for name, (liked, asked) in arms:
            if number < len(asked):
                found.respond(name, judged=asked[number])
            if number < len(liked):
                found.judge(name, liked[number])
    return found


def difference(champion, challenger):
    return quality_difference(outcomes(champion, challenger), RULES.alpha)


def rule(champion, challenger, verdict="WAIVED", time_is_up=False, suspect=None):
    found = difference(champion, challenger)
    return quality_ruling(found, verdict, RULES, time_is_up=time_is_up, suspect=suspect).state


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


def test_half_the_margin_ruled_out_is_not_worse_whatever_the_sign():
    before, after = people(600, 0.7, seed=1), people(600, 0.68, seed=3)
    found = difference(before, after)
    assert -RULES.margin / 2 < found.low < found.estimate < 0
    assert rule(before, after, "PASS") == "PROMOTE"
    assert [rule(before, after, "WAIVED", up) for up in (False, True)] == ["RUNNING", "PROMOTE"]


def test_when_the_time_is_up_not_worse_by_the_margin_is_enough():
    before, after = people(90, 0.75, seed=1), people(90, 0.74, seed=6)
    found = difference(before, after)
    assert -RULES.margin < found.low < -RULES.margin / 2
    assert found.estimate < 0
    assert [rule(before, after, "PASS", up) for up in (False, True)] == ["RUNNING", "PROMOTE"]
    assert [rule(before, after, "WAIVED", up) for up in (False, True)] == ["RUNNING", "PROMOTE"]


def test_a_suspected_harm_stands_against_a_promotion_and_nothing_else():
    worse, better = people(90, 0.05, seed=1), people(90, 0.7, seed=2)
    assert [rule(worse, better, "PASS", up, "errors") for up in (False, True)] == ["RUNNING", "ROLLBACK"]
    assert rule(better, worse, "PASS", suspect="errors") == "ROLLBACK"


def test_too_few_people_decide_nothing_until_the_time_is_up():
    few = people(7, 0.5)
    assert rule(people(50, 0.5), few) == "NODATA"
    assert rule(people(50, 0.5), few, time_is_up=True) == "ROLLBACK"
    nobody = ([], [])
    assert rule(nobody, nobody) == "NODATA"
    assert rule(nobody, nobody, time_is_up=True) == "ROLLBACK"


def test_where_one_arm_keeps_silent_a_quarter_of_it_may_be_of_the_discontented():
    """Whichever arm it is, the interval is wider at both ends; of an arm that says nothing, nothing is known."""
    champion, challenger = people(120, 0.3, responded=1.0, seed=1), people(120, 0.62, responded=0.5, seed=2)
    found, plain = difference(champion, challenger), difference((champion[0], []), (challenger[0], []))
    hidden = 0.25 * np.log(2) / 4
    assert found.low == pytest.approx(plain.low - hidden, abs=0.01)
    assert found.high == pytest.approx(plain.high + hidden, abs=0.01)
    mirrored, backwards = difference(challenger, champion), difference((challenger[0], []), (champion[0], []))
    assert backwards.low - mirrored.low == pytest.approx(plain.low - found.low)
    silent = difference(champion, ([], [False] * 120))
    assert (silent.low, silent.high) == (-1, 1)


def test_equal_response_rates_widen_nothing():
    champion, challenger = people(60, 0.3, responded=0.6, seed=1), people(60, 0.6, responded=0.55, seed=2)
    plain = difference((champion[0], []), (challenger[0], []))
    assert difference(champion, challenger) == plain


def test_equal_models_are_not_often_called_different():
    """Looked at after every ten people, 100 tests: at most alpha may say that one of two equal models is better."""
    wrong = 0
    for seed in range(100):
        draw = random.Random(seed)
        arms = [[float(draw.random() < 0.6) for _ in range(100)] for _ in range(2)]
        looks = [[(arm[:count], [True] * count) for arm in arms] for count in range(10, 101, 10)]
        found = [difference(*both) for both in looks]
        wrong += any(one.low > 0 or one.high < 0 for one in found)
    assert wrong <= 5


def requests(count, failed=0, latency_ms=100.0, broken=0, per_person=1):
    """So many requests of one arm: latency, or None if it failed; whether it broke its form; who asked."""
    return [
        (None if number < failed else latency_ms, failed <= number < failed + broken, number // per_person)
        for number in range(count)
    ]


def local(champion, challenger):
    traffic = Traffic()
    traffic.begin("r1")
    for both in zip_longest(champion, challenger):
        for arm, request in zip(("champion", "challenger"), both, strict=True):
            if request is not None:
                latency_ms, is_broken, person = request
                traffic.count("r1", arm, f"{arm}-{person}", latency_ms, is_broken=is_broken)
    seen = traffic.snapshot("r1")
    return local_ruling(seen, harms(seen, RULES), RULES)


def reason(champion, challenger):
    ruling = local(champion, challenger)
    return ruling and ruling.rationale.split(":")[0]


@pytest.mark.parametrize(
    ("challenger", "expected"),
    [
        (requests(40), None),
        (requests(40, failed=2), None),
        (requests(13, failed=13), "errors"),
        (requests(60, failed=25), "errors"),
        (requests(100, latency_ms=301), None),  # just above three times: not within so few people
        (requests(40, latency_ms=900), "latency"),
        (requests(40, latency_ms=299), None),
        (requests(5, latency_ms=900_000), None),  # a few that hung
        (requests(40, broken=20), "form"),
        (requests(40, broken=2), None),
    ],
)
def test_rules_that_need_no_kafka(challenger, expected):
    assert reason(requests(100), challenger) == expected


def test_harms_are_what_is_worse_than_the_champion():
    assert reason(requests(60, failed=25), requests(60, failed=25)) is None
    assert reason(requests(60, latency_ms=5000), requests(60, latency_ms=9000)) is None
    assert reason(requests(60, broken=40), requests(60, broken=45)) is None


def test_a_slow_challenger_is_not_judged_against_silence():
    assert local([], requests(50, latency_ms=5000)) is None


def test_one_person_whose_requests_fail_is_one_witness():
    unlucky = requests(200, failed=15, per_person=200)
    assert reason(requests(200, per_person=2), unlucky) is None


def test_a_challenger_that_answers_nobody_any_more_is_dead():
    """However few people there are: the first requests of these were answered."""
    dead = requests(200, per_person=200)[:180] + [(None, False, 0)] * 20
    assert reason(requests(200), dead) == "errors"
    assert reason(requests(180) + [(None, False, 1)] * 20, dead) is None  # and so is the champion
    assert reason(requests(200), dead[:-1]) is None


def left(champion_ms, challenger_ms, answered_ms=100.0):
    """The ruling where a few of the champion's people are answered, and of all others each leaves after so long."""
    traffic = Traffic()
    traffic.begin("r1")
    for number in range(60):
        if number < 30:
            traffic.count("r1", "champion", f"champion-{number}", answered_ms)
        else:
            traffic.left("r1", "champion", f"champion-{number}", champion_ms)
        traffic.left("r1", "challenger", f"challenger-{number}", challenger_ms)
    seen = traffic.snapshot("r1")
    return local_ruling(seen, harms(seen, RULES), RULES), seen.challenger.requests


def test_a_challenger_that_nobody_waits_for_is_slow():
    ruling, requests = left(champion_ms=1000.0, challenger_ms=1000.0)
    assert (ruling.rationale.split(":")[0], requests) == ("latency", 60)
    assert left(champion_ms=250.0, challenger_ms=250.0)[0] is None  # that it takes longer than three times is not known
    assert left(champion_ms=1.0, challenger_ms=50.0) == (None, 0)  # broken off, whatever it would have been


def test_one_person_of_many_does_not_make_an_arm_dead():
    """What they ask may be what no model can answer in time."""
    some = [(100.0, False, number) for number in range(30)]
    failures = {people: [(None, False, number % people) for number in range(20)] for people in (2, 3)}
    assert reason(requests(200), some + failures[2]) is None
    assert reason(requests(200), some + failures[3]) == "errors"


def test_what_may_be_a_harm_stands_against_a_promotion():
    traffic = Traffic()
    traffic.begin("r1")
    for number in range(60):
        for arm, failed in (("champion", False), ("challenger", number % 20 == 0)):
            traffic.count("r1", arm, f"{arm}-{number}", None if failed else 100.0)
    found = harms(traffic.snapshot("r1"), RULES)
    assert found.errors.p_value > found.most_p
    assert (found.suspect(time_is_up=False), found.suspect(time_is_up=True)) == ("errors", None)


def endings(scenario, runs, growth=1.3):
    return [play(scenario, RULES, "PASS", (7, run), growth)[0] for run in range(runs)]


def found_harm(rulings):
    return sum(one.state == "ROLLBACK" and "time was up" not in one.rationale for one in rulings)


def test_an_equal_challenger_is_hardly_ever_rolled_back():
    """Of people who differ, and who say more often what they dislike; alpha / 2 of 300 would be 7."""
    equal = [Scenario("", requests=4000), Scenario("", requests=4000, response_ratio=1.5)]
    equal += [Scenario("", requests=4000, share=0.2)]
    assert found_harm(chain.from_iterable(endings(scenario, 100) for scenario in equal)) <= 7


@pytest.mark.parametrize(
    "scenario",
    [
        Scenario("quality", drop=0.4),
        Scenario("latency", latency_ratio=6),
        Scenario("errors", errors=0.2),
        Scenario("form", broken=0.3),
    ],
    ids=lambda scenario: scenario.name,
)
def test_what_is_much_worse_is_rolled_back(scenario):
    assert found_harm(endings(scenario, 20)) >= 19
