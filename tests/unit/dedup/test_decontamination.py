"""Questions of public benchmarks never train, however they are planted; what an application adds is not overlap."""

import random

import pytest

from feedback.decontamination import touching
from feedback.minhash import sign
from feedback.near_duplicates import NEAR_DUPLICATE, normalise
from feedback.select import Limits, Reserved, select
from feedback.templates import fixed_parts, own_words
from pipelines.curate.benchmarks import questions, version
from tests.unit.learning.test_selection_of_examples import candidate

LIMITS = Limits(near_duplicate_jaccard=NEAR_DUPLICATE, max_examples_per_user=10_000)
BENCHMARKS = questions(["mt_bench", "arena_hard"])
RESERVED = Reserved(benchmarks=BENCHMARKS)
OWN = ("Why was I charged a fee at the airport?", "My card was eaten by the machine on Main Street this morning")
SHARED = "You answer customers of a bank. Read what the customer says and name the topic in a few words: "


def half(question):
    words = question.split()
    return " ".join(words[: max(len(words) // 2, min(len(words), 5))])


PLANTED = {
    "verbatim": lambda question: question,
    "case and punctuation": lambda question: "!! ".join(question.upper().split()) + "...",
    "inside a message": lambda question: f"hello, my teacher asks: {question} what should i say to her",
    "half": half,
    "a typo": lambda question: question[:2] + "x" + question[2:],
}


@pytest.mark.parametrize("plant", PLANTED.values(), ids=PLANTED.keys())
def test_planted_questions_never_train(plant):
    asked = random.Random(3).sample([question for question in BENCHMARKS if len(question.split()) >= 5], 150)
    planted = [candidate(f"b{n}", plant(question), f"topic {n}") for n, question in enumerate(asked)]
    own = [candidate(f"own{n}", text, f"own topic {n}") for n, text in enumerate(OWN)]
    dropped = select([*planted, *own], LIMITS, RESERVED).dropped
    benchmarked = {name for name, why in dropped.items() if why == ("decontamination", "benchmark")}
    assert benchmarked == {example.example_id for example in planted}


def test_an_answer_that_quotes_a_question_does_not_train():
    quoting = candidate("q", OWN[0], f"You could ask: {max(BENCHMARKS[:150], key=len)}", use="kto")
    assert select([quoting], LIMITS, RESERVED).dropped == {"q": ("decontamination", "benchmark")}


def test_evaluation_items_that_are_questions_of_benchmarks_stay():
    assert select([candidate("e", BENCHMARKS[0], use="eval")], LIMITS, RESERVED).dropped == {}


def test_what_was_evaluated_with_before_does_not_train_though_nobody_asks_it_now():
    reserved = Reserved(evaluated=[normalise(OWN[0])])
    assert select([candidate("t", OWN[0].lower())], LIMITS, reserved).dropped == {
        "t": ("decontamination", "eval_neighbour")
    }


def test_words_of_the_application_are_no_overlap():
    parts = fixed_parts([SHARED + "{message}"])
    one, other = (own_words(normalise(SHARED + text), parts) for text in OWN)
    assert (one, other) == tuple(map(normalise, OWN))
    assert not touching([one], sign([one]), [other], sign([other]), NEAR_DUPLICATE)
    whole = [normalise(SHARED + text) for text in OWN]
    assert touching(whole[:1], sign(whole[:1]), whole[1:], sign(whole[1:]), NEAR_DUPLICATE)


def test_a_text_that_is_a_template_is_still_a_text():
    assert own_words(normalise(SHARED), fixed_parts([SHARED])) == normalise(SHARED)
    assert fixed_parts(["{a} and now {b}"]) == []


def test_benchmarks_are_versioned_and_their_order_is_nothing():
    assert version(["mt_bench", "arena_hard"]) == version(["arena_hard", "mt_bench"])
    assert version(["mt_bench"]).startswith("mt_bench@")
    assert len(questions(["mt_bench"])) >= 150
    assert len(questions(["arena_hard"])) == 500
