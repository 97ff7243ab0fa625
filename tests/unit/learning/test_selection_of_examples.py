"""Selection over all examples: conflicts, duplicates, contamination, caps; evaluation is never touched."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from feedback.decontamination import containing
from feedback.minhash import sign
from feedback.near_duplicates import clusters, normalise
from feedback.select import Candidate, Limits, select
from tests.events import START

LIMITS = Limits(near_duplicate_jaccard=0.85, max_examples_per_user=40)
LONG = "my new card was sent two weeks ago to the old address and i still have not seen it anywhere"


def candidate(example_id, text="where is my card", completion="card arrival", use="sft", **fields):
    defaults = {
        "split": "eval" if use == "eval" else "train",
        "owner": f"person-{example_id}",
        "source": "answer",
        "time": START,
        "response_id": f"answer-{example_id}",
        "written": None,
        "prompt": f"user {normalise(text)}",
        "text": normalise(text),
        "liked": None if use != "kto" else True,
        "weight": 0.8,
        "rejected": None,
        "wants": use == "sft",
        "context": "",
        "only_liked": False,
        "generated": False,
        "groups": {},
        "is_english": True,
    }
    return Candidate(example_id=example_id, use=use, completion=completion, **{**defaults, **fields})


def selected(*candidates, limits=LIMITS):
    return select(candidates, limits)


def reasons(*candidates, limits=LIMITS):
    return {example_id: reason for example_id, (_, reason) in selected(*candidates, limits=limits).dropped.items()}


def test_equal_examples_are_one():
    assert reasons(candidate("a", weight=0.7), candidate("b", weight=0.9)) == {"a": "duplicate"}


def test_of_contradicting_answers_the_one_with_more_weight_behind_it_stays():
    wrong = candidate("w", completion="lost card", weight=0.9)
    right = [candidate(name, weight=0.6) for name in "ab"]
    assert reasons(wrong, *right) == {"w": "conflict", "b": "duplicate"}


def test_contradicting_judgements_of_one_answer():
    like = candidate("a", use="kto", weight=0.6)
    dislike = candidate("b", use="kto", liked=False, weight=0.9)
    other = candidate("c", use="kto", completion="lost card", liked=False)
    assert reasons(like, dislike, other) == {"a": "conflict"}


def test_what_was_only_liked_trains_if_somebody_said_it_or_the_context_has_it():
    liked = candidate("l", only_liked=True)
    assert reasons(liked) == {"l": "ungrounded"}
    assert reasons(liked, candidate("s", "wheres my card?", completion="lost card")) == {"l": "ungrounded"}
    assert reasons(liked, candidate("s", owner=liked.owner, weight=0.1)) == {"l": "ungrounded"}  # their own word again
    assert reasons(liked, candidate("s", weight=0.1)) == {"s": "duplicate"}
    assert reasons(replace(liked, context="routes are card arrival and lost card")) == {}
    fee = candidate("f", completion="the fee is 25 pounds", only_liked=True, context="the fee is 20 pounds")
    assert reasons(fee) == {"f": "ungrounded"}
    assert reasons(replace(fee, context="the fee is 25 pounds a year")) == {}


def test_what_models_wrote_is_at_most_a_share_of_what_is_wanted():
    texts = [" ".join(random.Random(n).sample("abcdefghijklmnopqrstuvwxyz", 12)) for n in range(30)]
    written = [candidate(f"w{n}", texts[n]) for n in range(10)]
    generated = [candidate(f"g{n}", texts[10 + n], generated=True) for n in range(20)]
    counts = {
        share: len(reasons(*written, *generated, limits=Limits(0.85, 40, share))) for share in (1.0, 0.5, 0.2, 0.0)
    }
    assert counts == {1.0: 0, 0.5: 10, 0.2: 18, 0.0: 20}


def test_a_budget_holds_for_each_use():
    texts = [" ".join(random.Random(n).sample("abcdefghijklmnopqrstuvwxyz", 12)) for n in range(40)]
    wanted = [candidate(f"w{n}", texts[n]) for n in range(20)]
    judged = [candidate(f"k{n}", texts[20 + n], use="kto") for n in range(20)]
    asked = [candidate(f"e{n}", f"evaluated {n}", use="eval") for n in range(20)]
    gone = reasons(*wanted, *judged, *asked, limits=Limits(0.85, 40, max_examples=5))
    assert sorted(name[0] for name, reason in gone.items() if reason == "over_budget") == ["k"] * 15 + ["w"] * 15


def judged(model, disliked_topic, time=START):
    """What people said of a model that fails one of two topics."""
    return [
        candidate(
            f"k{model}{topic}{n}",
            asked(topic, n),
            completion=f"answer {topic}",
            use="kto",
            liked=topic != disliked_topic,
            groups={"model": model},
            time=time,
        )
        for topic in ("card", "exchange")
        for n in range(30)
    ]


def asked(topic, number):
    words = random.Random(f"{topic}{number}").sample(["please", "help", "today", "again", "now", "soon", "still"], 5)
    of = {"card": "the plastic card was lost in the post", "exchange": "what is the rate to exchange euros into yen"}
    return f"{of[topic]} {' '.join(words)} {number}"


def kept_by_topic(*judgements):
    wanted = [candidate(f"w{topic}{n}", asked(topic, n)) for topic in ("card", "exchange") for n in range(30, 90)]
    few = replace(LIMITS, near_duplicate_jaccard=0.99, max_examples=60)
    gone = reasons(*wanted, *judgements, limits=few)
    assert [reason for name, reason in gone.items() if name[0] == "w"] == ["over_budget"] * 60
    return {topic: sum(f"w{topic}{n}" not in gone for n in range(30, 90)) for topic in ("card", "exchange")}


def test_within_a_budget_what_the_newest_model_fails_stays_more_often():
    old, new = judged("m1", "card"), judged("m2", "exchange", START + timedelta(days=1))
    before, after = kept_by_topic(*old), kept_by_topic(*old, *new)
    assert before["card"] > before["exchange"] > 10
    assert after["exchange"] > after["card"] > 10
    assert kept_by_topic(*reversed([*old, *new])) == after


def test_a_budget_that_does_not_bind_takes_nothing():
    assert reasons(*judged("m1", "card"), limits=replace(LIMITS, near_duplicate_jaccard=0.99, max_examples=60)) == {}


def test_a_pair_that_contradicts_what_is_wanted_goes_with_its_edit():
    pair = {"use": "dpo", "rejected": "jazz", "wants": True, "owner": "person-w", "response_id": "answer-w"}
    right = [candidate(name, weight=0.6) for name in "ab"]
    wrong = [candidate("w", completion="top up", weight=0.7), candidate("p", completion="top up", weight=0.7, **pair)]
    assert reasons(*wrong, *right) == {"w": "conflict", "p": "conflict", "b": "duplicate"}


def test_of_choices_between_the_same_two_answers_the_heavier_side_stays():
    one = candidate("a", use="dpo", completion="card arrival", rejected="jazz")
    other = candidate("b", use="dpo", completion="jazz", rejected="card arrival", weight=0.6)
    elsewhere = candidate("c", use="dpo", completion="jazz", rejected="top up")
    assert reasons(one, other, elsewhere) == {"b": "conflict"}


def test_judgements_and_wanted_answers_do_not_compete():
    assert reasons(candidate("a"), candidate("b", use="kto", liked=False)) == {}


def test_near_equal_texts_with_the_same_answer_are_one():
    near = (candidate("a", LONG, weight=0.9), candidate("b", LONG + "!"), candidate("c", LONG.replace("seen", "sen")))
    assert reasons(*near) == {"b": "duplicate", "c": "near_duplicate"}


CAN_I_GET_ONE = "can i get a virtual card", "May I have a virtual card?"


def test_what_says_the_same_in_other_words_is_one():
    one, other = (candidate(name, text) for name, text in zip("ab", CAN_I_GET_ONE, strict=True))
    asked = replace(LIMITS, paraphrase_cosine=0.9)
    assert reasons(one, other) == {}, "nobody asked for it"
    assert reasons(one, other, limits=asked) == {"b": "paraphrase"}
    assert reasons(one, replace(other, weight=0.9), limits=asked) == {"a": "paraphrase"}
    assert reasons(one, replace(other, is_english=False), limits=asked) == {}, "no vector says what it means"
    assert reasons(one, replace(other, completion="virtual card fees"), limits=asked) == {}
    assert reasons(*(replace(each, use="eval") for each in (one, other)), limits=asked) == {}


def test_a_rejected_answer_without_words_is_compared_as_any_other():
    asked = replace(LIMITS, paraphrase_cosine=0.9)
    pairs = [candidate(n, text, use="dpo", rejected="") for n, text in zip("ab", CAN_I_GET_ONE, strict=True)]
    other = candidate("c", CAN_I_GET_ONE[1], use="dpo", rejected="lost card")
    assert reasons(*pairs, other, limits=asked) == {"b": "paraphrase"}


def test_near_equal_texts_with_different_answers_both_stay():
    assert reasons(candidate("a", LONG), candidate("b", LONG + " now", "card delivery estimate")) == {}


def test_evaluation_items_stay_however_alike():
    same = [candidate(name, LONG, use="eval") for name in "abc"]
    assert reasons(*same) == {}


@pytest.mark.parametrize(
    ("trained", "evaluated"),
    [
        ("where is my card", "Where is my card?"),
        (LONG.replace("seen", "sen"), LONG),
        (f"hello there {LONG} thanks", LONG),
        ("please help me: the card machine kept my card today", "the card machine kept my card"),
        ("the card machine kept my card", "please help me: the card machine kept my card today"),
        (LONG, f"so {LONG[:70]} and what now"),
    ],
    ids=["equal", "near", "13-gram", "eval inside train", "train inside eval", "13-gram backwards"],
)
def test_what_touches_evaluation_is_withheld(trained, evaluated):
    assert reasons(candidate("t", trained), candidate("e", evaluated, use="eval")) == {"t": "eval_neighbour"}


@pytest.mark.parametrize(
    ("trained", "evaluated"),
    [
        ("is my card here", "is my card here or at the bank around the corner"),
        ("my new card was sent two weeks ago to nobody", LONG),
        ("how do i close my account", LONG),
    ],
    ids=["four words say nothing", "eight shared words", "another matter"],
)
def test_what_only_sounds_alike_stays(trained, evaluated):
    assert reasons(candidate("t", trained), candidate("e", evaluated, use="eval")) == {}


def test_one_person_has_a_share_of_each_use_and_the_surest_stay():
    texts = ["close the account", "the limit of transfers", "apple pay on a watch", "exchange rates at night"]
    many = [candidate(str(n), text, owner="p", weight=0.5 + n / 10) for n, text in enumerate(texts)]
    judged = candidate("k", "fees in spain", use="kto", owner="p")
    assert reasons(*many, judged, limits=Limits(0.85, 2)) == {"0": "user_cap", "1": "user_cap"}


def test_the_order_of_candidates_changes_nothing():
    words = ["card", "bank", "fee", "top", "up", "transfer", "limit", "atm", "cash", "cheque", "account", "rate"]
    draw = random.Random(3)
    pool = [
        candidate(
            f"{n:03d}",
            " ".join(draw.choices(words, k=6)),
            draw.choice(["one", "two"]),
            draw.choice(["sft", "sft", "kto", "eval"]),
            owner=f"p{n % 5}",
            weight=draw.random(),
        )
        for n in range(200)
    ]
    expected = selected(*pool, limits=Limits(0.6, 10))
    assert expected.dropped
    for _ in range(3):
        draw.shuffle(pool)
        assert selected(*pool, limits=Limits(0.6, 10)) == expected


def test_clusters_are_named_after_their_texts_not_their_places():
    texts = [normalise(text) for text in (LONG, LONG + " ok", "close my account", "where is it")]
    named = dict(zip(texts, clusters(texts, sign(texts), 0.85), strict=True))
    again = list(reversed(texts))
    assert clusters(again, sign(again), 0.85) == [named[text] for text in again]
    assert len(set(named.values())) == 3


def test_normalising_ignores_case_marks_and_width():
    assert normalise("  Where's my CARD?!\n") == normalise("where s my \uff43\uff41\uff52\uff44") == "where s my card"


def test_containing_of_nothing_is_nothing():
    assert containing([], ["a b c d e"]) == containing(["a b c d e"], []) == set()
