"""Paraphrases: what says the same in other words, and what only looks so."""

import numpy as np
import pytest

from feedback.detectors.words import bag
from feedback.meaning import meanings
from feedback.paraphrases import middles

FILLER = [(f"{topic} {n}",) for topic in ("recipes of soup", "trains to the sea") for n in range(20)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How do I add money to my card?", "how should i add money to my card"),
        ("Where do I find PIN for my card?", "Where can I locate my card PIN?"),
    ],
)
def test_what_says_the_same_is_one(one, other):
    first, second, *_ = middles([(one,), (other,), *FILLER], 0.93)
    assert first == second


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("I am able to verify my identity", "I am not able to verify my identity"),
        ("When does my card arrive?", "Why does my card arrive?"),
        ("please send 50 euros to my brother", "please send 80 euros to my brother"),
    ],
)
def test_what_denies_asks_something_else_or_names_another_number_is_not(one, other):
    first, second = (meanings([text])[0] for text in (one, other))
    assert first @ second > 0.9, "the vectors alone do not tell"
    assert len(set(middles([(one,), (other,)], 0.9).tolist())) == 2


def test_every_text_of_a_row_must_say_the_same():
    asked = "can i get a virtual card"
    rows = [(asked, "Yes, in the app."), (asked, "No, there are none."), (asked, "yes in the app")]
    assert middles(rows, 0.95).tolist() == [0, 1, 0]


def test_planes_find_what_comparing_all_with_all_finds():
    words = sorted(bag("card money account transfer pin app bank top up fee limit euro travel new old lost"))
    draw = np.random.default_rng(3)
    rows = [(" ".join(draw.choice(words, 6)),) for _ in range(400)]
    vectors = meanings([text for (text,) in rows])
    close = np.triu(vectors @ vectors.T >= 0.95, 1)
    alone = np.flatnonzero(~(close | close.T).any(axis=1))
    found = middles(rows, 0.95)
    assert close.sum() > 20
    assert (found[alone] == alone).all(), "nothing is joined that is far apart"
    in_company = np.flatnonzero((close | close.T).any(axis=1))
    together = np.isin(in_company, found[found != np.arange(400)]) | (found[in_company] != in_company)
    assert together.mean() > 0.95


def test_nothing_and_texts_without_words():
    assert middles([], 0.95).tolist() == []
    assert middles([("alone",)], 0.95).tolist() == [0]
    assert middles([("so?", "🎉"), ("so?", "🙂"), ("so?", "🎉")], 0.95).tolist() == [0, 1, 0]


def test_rows_of_different_kinds_are_not_the_same():
    rows = [("can i get a virtual card",), ("Can I get a virtual card?",)] * 2
    assert middles(rows, 0.95).tolist() == [0, 0, 0, 0]
    assert middles(rows, 0.95, ["one", "one", "other", "other"]).tolist() == [0, 0, 2, 2]


def test_how_often_a_text_is_there_changes_nothing():
    rows = [*FILLER, ("can i get a virtual card",), ("May I have a virtual card?",)]
    found, repeated = middles(rows, 0.9), middles([*rows, *rows], 0.9)
    names = np.array([text for (text,) in rows])
    assert [names[row % len(rows)] for row in repeated[: len(rows)]] == names[found].tolist()
