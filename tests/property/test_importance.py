"""Importance: the same in any order, most of it quality alone, and more of it for each that dislikes."""

import math
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from feedback.budget import Item, within_budget
from feedback.importance import Example, Judgement, weighted

JUDGEMENTS = st.lists(st.builds(Judgement, st.integers(0, 5), st.booleans(), st.floats(0, 1)), max_size=60)
EXAMPLES = st.lists(st.builds(Example, st.integers(0, 6), st.floats(0.01, 1)), min_size=1, max_size=60)


@given(EXAMPLES, JUDGEMENTS, st.randoms())
def test_order_says_nothing(examples, judgements, draw):
    order = draw.sample(range(len(examples)), len(examples))
    weights = weighted(examples, judgements)
    shuffled = weighted([examples[place] for place in order], draw.sample(judgements, len(judgements)))
    assert shuffled == [weights[place] for place in order]


@given(EXAMPLES, JUDGEMENTS)
def test_weight_is_moved_and_most_of_it_never(examples, judgements):
    weights = weighted(examples, judgements)
    assert all(weight >= 0.75 * example.quality for weight, example in zip(weights, examples, strict=True))
    assert math.isclose(sum(weights), sum(example.quality for example in examples))


@given(st.integers(0, 40), st.integers(1, 40), st.integers(0, 40))
def test_of_two_topics_judged_as_often_the_more_disliked_counts_more(disliked, more, liked):
    against = {0: disliked, 1: disliked + more}
    judgements = [
        Judgement(topic, number < count, 1.0)
        for topic, count in against.items()
        for number in range(disliked + more + liked)
    ]
    less, needed = weighted([Example(0, 0.8), Example(1, 0.8)], judgements)
    assert needed >= less


def test_what_is_disliked_more_is_kept_more_and_floors_hold():
    examples = [Example(number % 4, 0.8) for number in range(2_000)]
    judgements = [Judgement(topic, number < 20 * topic, 1.0) for topic in range(4) for number in range(60)]
    weights = weighted(examples, judgements)
    items = [
        Item(f"{number}", weight, {"topic": str(example.topic)})
        for number, (example, weight) in enumerate(zip(examples, weights, strict=True))
    ]
    kept = within_budget(items, 400)
    has = Counter(item.groups["topic"] for item in items if item.item_id in kept)
    assert has["3"] > has["1"] > has["0"] >= 0.5 * 400 / 4
