"""Outcomes of a test: one per person, final once, whatever order events arrive in."""

import random
from datetime import timedelta

import pytest
from feedwheel_capture.recorder import make_event

from serving.rollout.evidence import Evidence
from tests.events import APP, DISLIKED, LIKED, START, feedback, generation

MATURITY = timedelta(seconds=2)


def evidence() -> Evidence:
    return Evidence(APP, "r1", MATURITY)


def at(second: float, record):
    return make_event(record, "test", START + timedelta(seconds=second), event_id=f"{second}")


def answer(response, person="p1", arm="challenger", **fields):
    fields = {"user_key": person, "release_id": "r1", "conversation_id": f"c-{response}", **fields}
    return generation(response, arm=arm, **fields)


def judge(response, value=LIKED, person="p1", **fields):
    return feedback("thumbs", value, response, user_key=person, **fields)


def outcomes(*events, now=100.0, order=None):
    found = evidence()
    for event in order or events:
        found.add(event)
    found.settle(START + timedelta(seconds=now))
    return {arm: (seen.quality, seen.responded) for arm, seen in found.outcomes.arms.items()}


def test_a_person_counts_once_by_the_first_judged_answer():
    events = [
        at(0, answer("a0")),
        at(1, answer("a1")),
        at(1.5, judge("a1", DISLIKED)),
        at(9, answer("a2")),
        at(9.5, judge("a2", LIKED)),
    ]
    assert outcomes(*events)["challenger"] == ([0.0], [0.0])


@pytest.mark.parametrize(("second", "quality"), [(1.9, [1.0]), (2.1, [])])
def test_only_what_is_said_in_time_counts(second, quality):
    assert outcomes(at(0, answer("a0")), at(second, judge("a0")))["challenger"][0] == quality


def test_a_window_that_is_open_says_nothing_yet():
    events = [at(0, answer("a0")), at(0.5, judge("a0"))]
    assert outcomes(*events, now=1.9)["challenger"] == ([], [])
    assert outcomes(*events, now=2.0)["challenger"] == ([1.0], [1.0])


def test_order_of_arrival_and_repeats_do_not_matter():
    events = []
    for number in range(12):
        person, arm = f"p{number % 5}", ("champion", "challenger")[number % 5 % 2]
        events += [at(number, answer(f"a{number}", person, arm))]
        events += [at(number + 0.5, judge(f"a{number}", (LIKED, DISLIKED)[number % 3 == 0], person))] * (number % 2)
    shuffled = [*events, *events[:7]]
    random.Random(3).shuffle(shuffled)
    assert outcomes(*events) == outcomes(order=shuffled)
    assert outcomes(*events)["champion"][0]


def test_what_was_settled_stays_settled():
    found = evidence()
    for event in (at(0, answer("a0")), at(0.5, judge("a0"))):
        found.add(event)
    found.settle(START + timedelta(seconds=5))
    for event in (at(0, answer("a0")), at(0.7, judge("a0", DISLIKED))):
        found.add(event)
    found.settle(START + timedelta(seconds=50))
    assert found.outcomes.arms["challenger"].quality == [1.0]
    assert found.outcomes.arms["challenger"].answers == 1


@pytest.mark.parametrize(
    "other",
    [
        answer("a0", release_id="r0"),
        answer("a0", release_id=None),
        answer("a0", app="another"),
        answer("a0", fallback="champion"),
        answer("a0", fallback="cached"),
        answer("a0", fallback="person"),
    ],
)
def test_other_tests_and_what_others_answered_are_no_evidence(other):
    assert outcomes(at(0, other), at(1, judge("a0")))["challenger"] == ([], [])


def test_nobody_judges_an_answer_that_another_person_got():
    assert outcomes(at(0, answer("a0")), at(1, judge("a0", person="p2")))["challenger"] == ([], [0.0])


def test_who_is_not_known_counts_by_conversation():
    events = []
    for number, conversation in enumerate(["c1", "c1", "c2"]):
        unknown = answer(f"a{number}", None, conversation_id=conversation)
        events += [at(number * 3, unknown), at(number * 3 + 1, judge(f"a{number}", person=None))]
    assert outcomes(*events)["challenger"] == ([1.0, 1.0], [1.0, 1.0])
