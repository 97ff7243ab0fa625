"""People of two arms beside each other: concurrent, whatever the shares, and none twice."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from feedback.pairing import Paired


def paired(people):
    found = Paired()
    for treated, value in people:
        found.add(value, treated=treated)
    return found.differences().tolist()


def test_whoever_comes_is_paired_with_the_newest_who_waits():
    assert paired([(False, 1.0), (False, 2.0), (True, 5.0), (True, 7.0), (True, 9.0)]) == [3.0, 6.0]
    assert paired([(True, 5.0), (False, 1.0)]) == [4.0]
    assert paired([(True, 5.0), (True, 1.0)]) == []


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), max_size=60), st.integers(0, 60))
def test_pairs_do_not_change_and_nobody_is_left_out(people, cut):
    treated = sum(arm for arm, _ in people)
    assert len(paired(people)) == min(treated, len(people) - treated)
    assert paired(people)[: len(paired(people[:cut]))] == paired(people[:cut])


def test_what_changes_for_everybody_is_no_difference_between_unequal_arms():
    """Mood rises from 0 to 1 while one person in ten is treated: by rank, the treated would come much later."""
    draw = np.random.default_rng(3)
    arms = draw.random(5000) < 0.1
    found = paired([(bool(arm), float(mood)) for arm, mood in zip(arms, np.linspace(0, 1, 5000), strict=True)])
    assert max(np.abs(found)) < 0.02
