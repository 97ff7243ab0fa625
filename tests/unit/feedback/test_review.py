"""Which answers are reviewed, and what verdicts say: the queue rotates, and is the same for everybody."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.review import Review, Reviewable, figures, out_of_scope, queue, reviewers_wanted, verdict_of

ANSWERS = [Reviewable(f"a{n}", n / 200, n % 2 == 0) for n in range(200)]


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=60), st.integers(1, 80), st.randoms())
def test_a_queue_holds_as_many_as_it_may_each_once_in_any_order(rows, size, draw):
    answers = [Reviewable(f"a{n}", p, judged) for n, (p, judged) in enumerate(rows)]
    found = queue(answers, {}, "2026-01-05", size)
    assert len(found) == min(size, len(answers))
    assert queue(draw.sample(answers, len(answers)), {}, "2026-01-05", size).keys() == found.keys()


def test_half_is_drawn_at_random_and_the_rest_is_disliked_or_unsure():
    found = queue(ANSWERS, {}, "2026-01-05", 40)
    assert Counter(found.values()) == {"random": 20, "disliked": 10, "unsure": 10}
    of = {one.answer_id: one for one in ANSWERS}
    assert all(of[name].judged and of[name].p_dissatisfied > 0.5 for name, why in found.items() if why == "disliked")
    assert all(0.4 < of[name].p_dissatisfied < 0.6 for name, why in found.items() if why == "unsure")


def test_it_rotates_by_the_day_and_by_what_was_seen():
    first, again = (queue(ANSWERS, {}, day, 40) for day in ("2026-01-05", "2026-01-06"))
    assert first.keys() != again.keys()
    seen = {name: reviewers_wanted(name) for name in first}
    assert not queue(ANSWERS, seen, "2026-01-05", 40).keys() & first.keys()
    assert 0.1 < sum(reviewers_wanted(one.answer_id) == 2 for one in ANSWERS) / len(ANSWERS) < 0.3


@pytest.mark.parametrize(
    ("marks", "verdict"),
    [(["yes", "yes"], "right"), (["yes", "no", "unsure"], "wrong"), (["yes", "unsure"], "unsure")],
)
def test_marks_come_to_a_verdict(marks, verdict):
    assert verdict_of(marks) == verdict


def review(answer, reviewer="eve", verdict="right", why="random", p=0.1):
    return Review(
        answer_id=answer, person=f"of-{answer}", reviewer=reviewer, why=why, verdict=verdict, p_dissatisfied=p
    )


def test_figures():
    assert figures([]).right is None
    said = [review(f"a{n}") for n in range(30)] + [review(f"w{n}", verdict="wrong", p=0.9) for n in range(10)]
    said += [review("x", why="disliked", verdict="wrong", p=0.9), review("o", verdict="out_of_scope", p=0.9)]
    found = figures([*said, review("a0", "bob"), review("w0", "bob", "wrong", p=0.9)])
    assert (found.reviews, found.answers, found.people) == (44, 42, 40)
    assert found.verdicts == {"out_of_scope": 1, "right": 31, "wrong": 12}
    assert found.right.low < 0.75 < found.right.high
    assert (found.agreement.alpha, found.agreement.units) == (1.0, 2)
    assert found.with_users.alpha == 1.0
    liked = [review(f"l{n}", verdict="wrong", p=0.1) for n in range(40)]
    assert figures([*said, *liked]).with_users.alpha < 0.5  # users like what reviewers call wrong


def test_what_most_reviewers_call_out_of_scope_is():
    said = [
        review("a", "eve", "out_of_scope"),
        review("b", "eve", "out_of_scope"),
        review("b", "ada", "wrong"),
        review("c", "eve", "right"),
        *(
            review("d", who, verdict)
            for who, verdict in zip("xyz", ["out_of_scope", "unsure", "out_of_scope"], strict=True)
        ),
    ]
    assert out_of_scope(said) == {"a", "d"}
