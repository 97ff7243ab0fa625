"""Drift: a batch like its baseline is refused as rarely as is said, at any size; one that moved is found."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from feedback.drift import drift

ALPHA = 0.05
"""Larger than what is shipped, so that a few hundred batches tell a wrong rate from a right one."""

MIXES = {
    "two halves": [0.5, 0.5],
    "one in fifty": [0.98, 0.02],
    "many rare": [0.5, *[0.5 / 40] * 40],
}
counts = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 300), max_size=6)


@pytest.mark.parametrize("people", [10, 60, 600])
@pytest.mark.parametrize("mix", MIXES)
def test_chance_alone_refuses_no_more_than_alpha(mix: str, people: int) -> None:
    batches, random = 300, np.random.default_rng(1)
    draws = [(named(random.multinomial(n, MIXES[mix])) for n in (200, people)) for _ in range(batches)]
    refused = sum(drift(before, now, bound=0.0, alpha=ALPHA) is not None for before, now in draws)
    assert refused <= binom.ppf(0.9999, batches, ALPHA)


def named(histogram: np.ndarray) -> dict[str, int]:
    return {f"c{number:02d}": int(count) for number, count in enumerate(histogram) if count}


def test_what_moved_is_found_and_named() -> None:
    found = drift({"en": 190, "de": 10}, {"en": 12, "de": 28}, bound=0.25, alpha=0.001)
    assert found is not None
    assert (found.category, found.people, found.before, found.now) == ("de", 40, 0.05, 0.7)


def test_few_people_prove_nothing() -> None:
    assert drift({"en": 190, "de": 10}, {"de": 2}, bound=0.25, alpha=0.001) is None


def test_a_certain_but_small_move_does_not_count() -> None:
    assert drift({"a": 50_000, "b": 50_000}, {"a": 52_000, "b": 48_000}, bound=0.25, alpha=0.001) is None


@given(counts)
def test_the_same_mix_never_drifts(mix: dict[str, int]) -> None:
    assert drift(mix, mix, bound=0.0, alpha=0.5) is None


@given(counts, counts)
def test_a_stricter_level_finds_no_more(before: dict[str, int], now: dict[str, int]) -> None:
    if drift(before, now, bound=0.1, alpha=0.01):
        assert drift(before, now, bound=0.1, alpha=0.2)
