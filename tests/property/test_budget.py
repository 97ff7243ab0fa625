"""A set that cannot have everything: exactly as much as it may, something of what is rare, and the same every time."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from feedback.budget import Item, within_budget

ITEMS = st.lists(
    st.tuples(st.floats(0, 1), st.sampled_from(["en", "de", "fi"]), st.sampled_from(["short", "long"])), max_size=80
).map(lambda rows: [Item(f"{n}", share, {"language": of, "length": size}) for n, (share, of, size) in enumerate(rows)])


@given(ITEMS, st.integers(1, 100), st.randoms())
def test_as_many_as_it_may_in_any_order(items, budget, draw):
    kept = within_budget(items, budget)
    assert len(kept) == min(len(items), budget)
    assert within_budget(draw.sample(items, len(items)), budget) == kept


@given(ITEMS, st.integers(12, 60))
def test_every_group_has_its_floor(items, budget):
    kept = within_budget(items, budget)
    for dimension in ("language", "length"):
        there = Counter(item.groups[dimension] for item in items)
        has = Counter(item.groups[dimension] for item in items if item.item_id in kept)
        for group, size in there.items():
            assert has[group] >= min(size, int(0.5 * budget / 2 / len(there)))


def test_what_is_rare_stays_and_what_is_sure_comes_first():
    items = [Item(f"{n}", 0.9 if n % 2 else 0.3, {"language": "en"}) for n in range(2_000)]
    rare = [Item(f"fi-{n}", 0.3, {"language": "fi"}) for n in range(8)]
    kept = within_budget([*items, *rare], 200)
    assert {item.item_id for item in rare} <= kept
    sure = sum(item.weight == 0.9 for item in items if item.item_id in kept)
    assert 0.65 < sure / 192 < 0.95  # three times the weight, about three times as often
