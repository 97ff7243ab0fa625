"""Krippendorff's alpha against published figures, and at its ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.agreement import Agreement, agreement

# Krippendorff 2011, section C: four observers, twelve units, missing values; alpha of nominal data is .743.
OBSERVERS = {
    "A": "1 2 3 3 2 1 4 1 2 . . .",
    "B": "1 2 3 3 2 2 4 1 2 5 . 3",
    "C": ". 3 3 3 2 3 4 2 2 5 1 .",
    "D": "1 2 3 3 2 4 4 1 2 5 1 .",
}


def test_the_published_example():
    said = [
        (unit, person, value)
        for person, row in OBSERVERS.items()
        for unit, value in enumerate(row.split())
        if value != "."
    ]
    found = agreement(said)
    assert found.alpha == pytest.approx(0.743, abs=0.0005)
    assert (found.units, found.judgements) == (11, 40)


def test_the_ends():
    assert agreement([]) == Agreement(None, 0, 0)
    assert agreement([(1, "ann", True), (2, "bob", False)]) == Agreement(None, 0, 0)  # nobody judged what another did
    assert agreement([(1, "ann", True), (1, "bob", True)]).alpha is None  # no disagreement was possible
    assert agreement([(1, "ann", True), (1, "bob", True), (2, "ann", False), (2, "bob", False)]).alpha == 1.0
    assert agreement([(n, person, person == "ann") for n in range(50) for person in ("ann", "bob")]).alpha < 0
    assert agreement([(1, "ann", False), (1, "ann", True), (1, "bob", True)]).judgements == 2  # the last word counts


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from("abcd"), st.booleans()), max_size=60), st.randoms())
def test_order_and_names_do_not_matter(said, draw):
    latest = {(unit, person): value for unit, person, value in said}
    items = [(unit, person, value) for (unit, person), value in latest.items()]
    shuffled = draw.sample(items, len(items))
    renamed = [(f"unit {unit}", person.upper(), value) for unit, person, value in shuffled]
    found, again = agreement(said), agreement(renamed)
    assert again.alpha == (None if found.alpha is None else pytest.approx(found.alpha))
    assert found.alpha is None or found.alpha <= 1
