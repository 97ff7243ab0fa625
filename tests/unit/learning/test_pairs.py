"""Which of two answers people preferred: regenerations and choices, as far as both were looked at."""

import msgspec
import pytest

from feedback.labels import Message, Option, label_conversation, with_attention
from tests.unit.learning.test_labels import EVAL_SHARE, EVALUATOR, answer, labels, signal

AGAIN = signal("regenerate", -1, about=0, confidence=0.6, explicit=False)


def second(output="lost card", **fields):
    return answer(1, output, regeneration_of="r0", **fields)


def preferred(*signals, answers):
    return {(seen.completion, seen.rejected) for seen in labels(*signals, answers=answers) if seen.use == "dpo"}


def chosen(place, *, looked_at=(1.0, 1.0), name="choice", confidence=0.8):
    options = [Option(f"r{n}", n, 0.5, share) for n, share in enumerate(looked_at)]
    said = signal("comparison", 1, about=place, confidence=confidence, signal_id=name)
    return msgspec.structs.replace(said, options=options, chosen=f"r{place}")


def test_asking_again_prefers_nothing_until_the_second_answer_is_liked():
    answers = [answer(), second()]
    assert preferred(AGAIN, answers=answers) == set()
    assert preferred(AGAIN, signal("thumbs", -1, about=1), answers=answers) == set()
    assert preferred(AGAIN, signal("thumbs", 1, about=1), answers=answers) == {("lost card", "card arrival")}


def test_two_signals_for_one_preference_are_surer_than_either():
    found = label_conversation([answer(), second()], [AGAIN, signal("thumbs", 1, about=1)], EVAL_SHARE)
    (pair,) = [label for label in found.kept if label.use == "dpo"]
    assert pair.weight == pytest.approx(0.6 * 0.8 / (0.6 * 0.8 + 0.4 * 0.2))
    assert {signal.kind for signal in pair.evidence} == {"regenerate", "thumbs"}
    assert (pair.answer.response_id, pair.beside.response_id) == ("r1", "r0")


@pytest.mark.parametrize(
    "other",
    [
        {"output": "Card  arrival"},
        {"prompt": [Message("user", "And what does it cost?")]},
        {"prompt": [Message("user", None)]},
        {"output": None},
    ],
)
def test_what_is_no_pair(other):
    assert preferred(AGAIN, signal("thumbs", 1, about=1), answers=[answer(), second(**other)]) == set()


def test_a_choice_prefers_the_chosen_answer_to_every_other_that_may_be_read():
    answers = [answer(), answer(1, "lost card"), answer(2, "top up"), answer(3, None)]
    said = chosen(1, looked_at=(1.0, 1.0, 1.0, 1.0))
    assert preferred(said, answers=answers) == {("lost card", "card arrival"), ("lost card", "top up")}
    assert preferred(chosen(1), answers=[answer(), answer(1, "lost card", split_bucket=EVALUATOR)]) == set()


def test_who_may_not_have_looked_at_the_other_has_not_preferred_much():
    answers = [answer(), answer(1, "lost card")]
    weights = [
        label.weight
        for place in (0, 1)
        for label in label_conversation(answers, [chosen(place, looked_at=(1.0, 0.4))], EVAL_SHARE).kept
        if label.use == "dpo"
    ]
    assert weights == [pytest.approx(0.8 * 0.4), pytest.approx(0.8)]


def test_attention_is_learned_from_many_choices_and_from_few_nothing():
    first, other = [chosen(0, name=f"a{n}") for n in range(60)], [chosen(1, name=f"b{n}") for n in range(30)]
    found = with_attention([*first, *other, signal("thumbs", 1)])
    assert {tuple(option.looked_at for option in said.options) for said in found[:-1]} == {(1.0, 0.5)}
    assert found[-1].options is None
    assert with_attention(first[:29]) == first[:29]
    assert with_attention([*first[:15], *other[:15]])[0].options[1].looked_at == 1.0
