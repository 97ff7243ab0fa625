"""Near-duplicates: equal texts are one, order is nothing, and the fast ways give what the plain ways give."""

import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback import minhash
from feedback.decontamination import GRAM_WORDS, containing
from feedback.minhash import PERMUTATIONS, agreement, meetings, meetings_across, sign
from feedback.near_duplicates import (
    MIN_CONTAINED_WORDS,
    NEAR_DUPLICATE,
    clusters,
    comparable,
    jaccard,
    normalise,
    shingles,
)

words = st.sampled_from(["card", "bank", "fee", "top", "up", "where", "is", "my", "the", "42", "43"])
texts = st.one_of(st.lists(words, max_size=12).map(" ".join), st.text(max_size=20).map(comparable))

long_texts = st.lists(st.sampled_from(["card", "bank", "fee"]), max_size=20).map(" ".join)


@given(st.lists(texts, max_size=30), st.randoms())
def test_order_changes_no_cluster(found, draw):
    named = dict(zip(found, clusters(found, sign(found), NEAR_DUPLICATE), strict=True))
    draw.shuffle(found)
    assert clusters(found, sign(found), NEAR_DUPLICATE) == [named[text] for text in found]


@given(st.lists(texts, max_size=30))
def test_a_cluster_is_named_after_one_of_its_texts_which_names_itself(found):
    named = clusters(found, sign(found), NEAR_DUPLICATE)
    alone = [clusters([text], sign([text]), NEAR_DUPLICATE)[0] for text in found]
    middles = {name: text for name, text in zip(alone, found, strict=True) if name in named}
    assert set(named) <= set(middles)


@given(st.lists(texts, min_size=1, max_size=20))
def test_a_signature_is_of_its_text_alone(found):
    assert np.array_equal(sign(found), np.concatenate([sign([text]) for text in found]))


@given(texts, texts)
def test_signatures_estimate_the_similarity_of_shingles(one, other):
    estimate = agreement(sign([one, other]), np.array([[0, 1]]))[0]
    # Five standard errors of a share of PERMUTATIONS draws: about one pair in a million is further off.
    assert abs(estimate - jaccard(shingles(one), shingles(other))) <= 5 * 0.5 / PERMUTATIONS**0.5


@given(st.lists(texts, max_size=12), st.lists(texts, max_size=12))
def test_equal_texts_meet_across(found, others):
    met = {(found[row], others[other]) for row, other in meetings_across(sign(found), sign(others), 0.9)}
    assert {(text, text) for text in set(found) & set(others)} <= met


@pytest.mark.parametrize("waiting", [1, 5])
def test_how_many_pairs_wait_changes_nothing(waiting, monkeypatch):
    signatures = sign([f"where is my card number {number % 40}" for number in range(60)])
    every = np.arange(60)
    found = meetings(signatures, every, 0.5), meetings_across(signatures, signatures, 0.5)
    monkeypatch.setattr(minhash, "_PAIRS_WAITING", waiting)
    again = meetings(signatures, every, 0.5), meetings_across(signatures, signatures, 0.5)
    assert all(map(np.array_equal, found, again))
    assert len(found[0]) > 20


@given(st.lists(long_texts, max_size=8), st.lists(long_texts, max_size=8))
def test_words_in_a_row_are_found_by_number_as_they_are_one_by_one(found, others):
    assert containing(found, others) == {text for text in found if any(share_text(text, other) for other in others)}


def share_text(one, other):
    """By the definition: words in a row, GRAM_WORDS or all that one of them has."""
    size = min(len(one.split()), len(other.split()), GRAM_WORDS)
    return one == other or (size >= MIN_CONTAINED_WORDS and not grams(one, size).isdisjoint(grams(other, size)))


def grams(text, size):
    said = text.split()
    return {tuple(said[start : start + size]) for start in range(len(said) - size + 1)}


@given(st.text())
def test_normalising_twice_is_once(text):
    assert normalise(normalise(text)) == normalise(text)


@given(st.text(st.characters(max_codepoint=127)))
def test_the_quick_way_for_ascii_gives_the_same(text):
    assert normalise(text) == " ".join(re.findall(r"\w+", text.casefold()))


@given(st.text(), st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]))
def test_forms_of_unicode_are_one_text(text, form):
    assert normalise(unicodedata.normalize(form, text)) == normalise(text)
