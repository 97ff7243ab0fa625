"""The order of the verdicts of a replay (I3)."""

from dataclasses import replace

import pytest

from pipelines.dataset.replay import Comparison, judge

SAME = Comparison(
    then={("sft", "a"): "ann", ("sft", "b"): "bob"},
    now={("sft", "a"): "ann", ("sft", "b"): "bob"},
    rows_then=10,
    rows_now=10,
    erased=frozenset(),
    explained=frozenset(),
    code_differs=False,
)
WITHOUT_BOB = {("sft", "a"): "ann"}


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, "IDENTICAL"),
        ({"code_differs": True}, "IDENTICAL"),
        ({"rows_now": 9}, "INPUT_GONE"),
        ({"rows_now": 9, "now": WITHOUT_BOB}, "INPUT_GONE"),
        ({"rows_now": 9, "now": WITHOUT_BOB, "erased": {"bob"}}, "REDUCED"),
        ({"rows_now": 9, "now": WITHOUT_BOB, "erased": {"ann"}}, "DEFECT"),
        ({"rows_now": 9, "erased": {"bob"}}, "IDENTICAL"),
        ({"now": WITHOUT_BOB}, "DEFECT"),
        ({"now": WITHOUT_BOB, "code_differs": True}, "CODE_DIFFERS"),
        ({"now": {**SAME.now, ("sft", "c"): "cyd"}}, "DEFECT"),
    ],
)
def test_first_verdict_that_holds(change, verdict):
    assert judge(replace(SAME, **change)) == verdict


def test_an_erasure_may_free_what_was_dropped_because_of_the_erased():
    found = replace(SAME, now={("sft", "a"): "ann", ("sft", "c"): "cyd"}, rows_now=9, erased={"bob"})
    assert judge(found) == "DEFECT"
    assert judge(replace(found, explained={"c"})) == "REDUCED"
