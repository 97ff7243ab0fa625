"""What people's signals make of answers: one rule at a time, and what wins when they disagree."""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from feedback.labels import Answer, Evidence, Message, label_conversation
from tests.events import START

EVAL_SHARE = 0.3
EVALUATOR, TRAINER = 100, 9_000
"""Split buckets on either side."""


def answer(place=0, output="card arrival", **fields):
    defaults = {
        "app": "routing",
        "user_key": "person",
        "user_key_id": 1,
        "split_bucket": TRAINER,
        "simulated": False,
        "conversation_id": "c",
        "response_id": f"r{place}",
        "turn_index": place,
        "turn_time": START + timedelta(minutes=place),
        "model_version": "base",
        "event_id": f"answered-{place}",
        "prompt": [Message("user", "Where is my card?")],
        "output": output,
        "exposure_policy": "normal",
    }
    return Answer(**{**defaults, **fields})


def signal(kind, polarity=-1, about=0, *, confidence=0.8, explicit=True, edited_output=None, minute=1, signal_id=None):
    return Evidence(
        signal_id=signal_id or f"{kind}-{about}",
        response_id=f"r{about}",
        kind=kind,
        explicit=explicit,
        polarity=polarity,
        confidence=confidence,
        signal_time=START + timedelta(minutes=minute),
        edited_output=edited_output,
        event_ids=[f"said-{kind}-{about}"],
    )


def edit(to, **fields):
    return signal("edit", edited_output=to, confidence=0.9, **fields)


@dataclass(frozen=True)
class Seen:
    use: str
    rule: str
    completion: str
    liked: bool | None = None
    rejected: str | None = None


def labels(*signals, answers=None):
    found = label_conversation(answers or [answer()], signals, EVAL_SHARE)
    return {Seen(label.use, label.rule, label.completion, label.liked, label.rejected) for label in found.kept}


def unlabelled(*signals, **fields):
    return [reason for _, reason in label_conversation([answer(**fields)], signals, EVAL_SHARE).unlabelled]


def test_an_edit_is_the_wanted_answer_and_a_judgement_of_the_one_shown():
    assert labels(edit("lost card")) == {
        Seen("sft", "edited", "lost card"),
        Seen("kto", "disliked", "card arrival", False),
        Seen("dpo", "edit_preferred", "lost card", rejected="card arrival"),
    }


@pytest.mark.parametrize("kind", ["solved", "thumbs", "rating"])
def test_an_explicit_confirmation_wants_what_was_shown(kind):
    assert labels(signal(kind, 1)) == {
        Seen("sft", "confirmed", "card arrival"),
        Seen("kto", "liked", "card arrival", True),
    }


def test_an_edit_that_changes_nothing_confirms():
    assert Seen("sft", "confirmed", "card arrival") in labels(edit("Card  arrival", polarity=1))


@pytest.mark.parametrize(
    ("kind", "polarity", "rule"),
    [
        ("action", 1, "liked"),
        ("positive", 1, "liked"),
        ("thumbs", -1, "disliked"),
        ("complaint", -1, "disliked"),
        ("correction", -1, "disliked"),
    ],
)
def test_other_signals_judge_and_want_nothing(kind, polarity, rule):
    found = labels(signal(kind, polarity, explicit=kind == "thumbs"))
    assert found == {Seen("kto", rule, "card arrival", polarity > 0)}


@pytest.mark.parametrize("kind", ["abandonment", "acceptance", "nps"])
def test_signals_that_only_evaluate_train_nothing(kind):
    assert labels(signal(kind, -1, explicit=False)) == set()


def test_a_correction_is_resolved_to_what_was_settled_on_later():
    answers = [answer(0), answer(1, "lost card")]
    found = labels(signal("correction", -1, explicit=False), signal("solved", 1, about=1), answers=answers)
    assert Seen("sft", "resolved", "lost card") in found
    assert Seen("sft", "confirmed", "lost card") in found


def test_a_resolved_label_is_as_sure_as_both_signals_together():
    answers = [answer(0), answer(1, "lost card")]
    signals = [signal("correction", -1, confidence=0.8), signal("solved", 1, about=1, confidence=0.9)]
    (resolved,) = [label for label in label_conversation(answers, signals, EVAL_SHARE).kept if label.rule == "resolved"]
    assert resolved.weight == pytest.approx(0.72)
    assert {seen.signal_id for seen in resolved.evidence} == {"correction-0", "solved-1"}


def test_nothing_is_resolved_without_a_correction_or_backwards():
    answers = [answer(0), answer(1, "lost card")]
    assert not any(seen.rule == "resolved" for seen in labels(signal("solved", 1, about=1), answers=answers))
    assert not any(
        seen.rule == "resolved"
        for seen in labels(signal("solved", 1, about=0), signal("correction", -1, about=1), answers=answers)
    )


def test_gate_answers_of_evaluators_become_evaluation_and_nothing_else():
    gate = {"exposure_policy": "gate", "split_bucket": EVALUATOR}
    assert labels(edit("lost card"), answers=[answer(**gate)]) == {Seen("eval", "gate_corrected", "lost card")}
    assert labels(signal("solved", 1), answers=[answer(**gate)]) == {Seen("eval", "gate_confirmed", "card arrival")}


def test_opportunistic_signals_of_evaluators_label_nothing():
    assert unlabelled(edit("lost card"), split_bucket=EVALUATOR) == ["evaluation_person"]
    assert unlabelled(signal("thumbs", 1), split_bucket=EVALUATOR, exposure_policy="gate") == ["gate_unanswered"]


def test_a_gate_draw_of_a_trainer_is_no_evidence_for_the_gate():
    assert "eval" not in {seen.use for seen in labels(edit("lost card"), answers=[answer(exposure_policy="gate")])}


@pytest.mark.parametrize(
    "fields",
    [{"output": None}, {"prompt": None}, {"prompt": []}, {"prompt": [Message("user", None)]}],
)
def test_no_label_without_all_of_the_text(fields):
    assert unlabelled(edit("lost card"), **fields) == ["no_text"]


def test_silence_labels_nothing():
    assert unlabelled() == ["no_signal"]


def test_the_most_confident_label_wins_and_the_others_are_counted():
    found = label_conversation([answer()], [signal("thumbs", 1, confidence=0.7), edit("lost card")], EVAL_SHARE)
    assert {(label.use, label.completion, label.liked) for label in found.kept} == {
        ("sft", "lost card", None),
        ("kto", "card arrival", False),
        ("dpo", "lost card", None),
    }
    assert [(label.use, label.rule) for label in found.outweighed] == [("sft", "confirmed"), ("kto", "liked")]


def test_of_equally_confident_labels_the_latest_said_wins():
    first, second = edit("lost card", signal_id="b"), edit("stolen card", minute=2, signal_id="a")
    for signals in ([first, second], [second, first]):
        assert Seen("sft", "edited", "stolen card") in labels(*signals)
