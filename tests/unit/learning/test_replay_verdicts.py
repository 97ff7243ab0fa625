"""The order of the verdicts of a replay (I3)."""

from dataclasses import replace

import pytest

from pipelines.dataset.replay import Comparison, judge

SAME = Comparison(
    then={("sft", "a"), ("sft", "b")},
    now={("sft", "a"), ("sft", "b")},
    rows_then=10,
    rows_now=10,
    erased=False,
    gone=frozenset(),
    dropped_then=frozenset(),
    dropped_now=frozenset(),
    code_differs=False,
)
WITHOUT_B = {("sft", "a")}
WITH_C = {("sft", "a"), ("sft", "b"), ("sft", "c")}


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, "IDENTICAL"),
        ({"code_differs": True}, "IDENTICAL"),
        ({"rows_now": 9}, "INPUT_GONE"),
        ({"rows_now": 9, "now": WITHOUT_B}, "INPUT_GONE"),
        ({"rows_now": 9, "now": WITHOUT_B, "gone": {"b"}}, "INPUT_GONE"),  # who withdraws loses no row
        ({"rows_now": 9, "now": WITHOUT_B, "erased": True, "gone": {"b"}}, "REDUCED"),
        ({"rows_now": 9, "now": WITHOUT_B, "erased": True, "gone": {"a"}}, "DEFECT"),
        ({"rows_now": 9, "erased": True, "gone": {"b"}}, "IDENTICAL"),
        ({"now": WITHOUT_B}, "DEFECT"),
        ({"now": WITHOUT_B, "gone": {"b"}}, "REDUCED"),
        ({"now": WITHOUT_B, "gone": {"a"}}, "DEFECT"),
        ({"now": WITHOUT_B, "code_differs": True}, "CODE_DIFFERS"),
        ({"now": WITH_C}, "DEFECT"),
    ],
)
def test_first_verdict_that_holds(change, verdict):
    assert judge(replace(SAME, **change)) == verdict


def test_who_goes_may_free_what_was_dropped_because_of_them():
    found = replace(SAME, now={("sft", "a"), ("sft", "c")}, gone={"b"})
    assert judge(found) == "DEFECT"
    assert judge(replace(found, dropped_then={"c"})) == "REDUCED"


def test_who_goes_may_take_the_vote_along_that_kept_another_s():
    found = replace(SAME, now=frozenset(), gone={"b"})
    assert judge(found) == "DEFECT"
    assert judge(replace(found, dropped_now={"a"})) == "REDUCED"
    assert judge(replace(found, dropped_now={"a"}, gone=frozenset())) == "DEFECT", "nobody is gone"
