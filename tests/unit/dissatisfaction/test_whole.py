import json
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.detectors import reading
from feedback.dissatisfaction.model import shipped_model
from feedback.dissatisfaction.whole import UNTRAINED, whole_features
from feedback.judge import Judge
from feedback.taxonomy import weights
from feedback.transcript import Transcript, score
from pipelines.satisfaction.corpora import Labelled, load
from pipelines.satisfaction.whole import fit_whole, whole_rows
from tests.events import conversation, dialogue, generation

GREETING = [("user", "hi"), ("assistant", "Hello! What do you like to do?")]
TALK = [
    *GREETING,
    ("user", "I like to watch birds in the morning"),
    ("assistant", "Birds are lovely in the morning. Which bird do you like best?"),
    ("user", "The robin, it sings so well"),
    ("assistant", "Robins sing well even in winter."),
    ("user", "Yes, I heard one in the snow last year. Do you like winter?"),
    ("assistant", "I like winter for the snow and the quiet."),
    ("user", "Me too, and tea by the fire afterwards"),
    ("assistant", "Tea by the fire sounds nice. Which tea do you drink?"),
    ("user", "Mostly green tea with a slice of lemon"),
    ("assistant", "Green tea with lemon is a fine choice."),
]
HELP = [*GREETING, ("user", "How do I open the window?"), ("assistant", "Turn the handle.")]
THANKS = [*HELP, ("user", "Great, thanks!")]
ANGER = [
    *GREETING,
    ("user", "How do I open the window?"),
    ("assistant", "The door is green."),
    ("user", "No, that's wrong, I asked about the window. Let me talk to a human."),
]
exchanges = st.lists(st.tuples(st.sampled_from(("user", "assistant", "system")), st.text(max_size=40)), max_size=40)
types = st.sampled_from(("task", "support", "companion", "assistant"))


@given(exchanges, types)
def test_any_exchange_moves_the_odds_by_a_bounded_number_and_always_the_same(said, app_type):
    whole = shipped_model().whole
    found = whole.shift(said, app_type)
    assert abs(found) <= 3
    assert found == whole.shift(list(said), app_type)
    assert UNTRAINED.shift(said, app_type) == 0
    if any(role == "user" for role, _ in said):
        assert set(whole_features(said)) == set(whole.terms)
    else:
        assert found == 0


def test_going_on_counts_for_a_companion_a_little_for_an_assistant_and_not_for_a_task():
    gains = {
        app_type: shipped_model().whole.shift(TALK, app_type) - shipped_model().whole.shift(GREETING, app_type)
        for app_type in ("companion", "assistant", "task", "support")
    }
    assert gains["companion"] > 0.5
    assert gains["assistant"] == pytest.approx(gains["companion"] / 4, abs=0.002)
    assert gains["task"] == gains["support"] == 0


@pytest.mark.parametrize("app_type", ["task", "companion", "assistant"])
def test_corrections_and_calls_for_a_human_score_below_thanks(app_type):
    assert satisfied(ANGER, app_type) < satisfied(GREETING, app_type) < satisfied(THANKS, app_type)


def test_leaving_a_companion_at_once_scores_below_staying_and_above_no_answer_at_all():
    assert satisfied(GREETING[:1], "companion") < satisfied(GREETING, "companion") < satisfied(TALK, "companion")


def test_what_may_not_all_be_read_says_nothing():
    model = shipped_model()
    (first, second) = dialogue("hi", "hello", "thank you so much", app_type="companion")
    assert model.whole_shift(reading.read(conversation(first, second))) != 0
    withheld = generation("a1", app_type="companion", consent="signal_only")
    assert model.whole_shift(reading.read(conversation(first, withheld))) == 0
    german = dialogue("Wo ist denn meine Karte?", "hier", "Das ist nicht richtig, warum?", app_type="companion")
    assert model.whole_shift(reading.read(conversation(*german))) == 0


def test_training_finds_that_people_leave_who_are_displeased_but_not_of_a_task():
    conversations = [Labelled(f"{n}", "bot", TALK[: 3 + n], {}, n / 10) for n in range(10)]
    terms = {}
    for app_type in ("companion", "task"):
        part = whole_rows(conversations, app_type, replace(shipped_model(), whole=UNTRAINED))
        assert part.weight.sum() == pytest.approx(1)
        assert part.whole.sum() == 10
        terms[app_type] = fit_whole([part], {"made": 10}).terms["answers"].weight
    assert terms["companion"] > 0.1
    assert terms["task"] == 0


def test_people_and_bots_of_convai_are_told_apart(tmp_path):
    (tmp_path / "convai2018").mkdir()
    lines = [("participant2", "Hello!"), ("participant2", "Are you there?"), ("participant1", "yes")]
    early = [{"sender": sender, "text": text} for sender, text in lines]
    later = [
        {**line, "sender_class": "Bot" if line["sender"] == "participant2" else "Human", "evaluation_score": thumb}
        for line, thumb in zip(early, (1, 0, None), strict=True)
    ]
    written = {
        "export_2018-07-04_train": [{"dialog_id": "a", "dialog": early, "eval_score": 5}],
        "data_volunteers": [{"dialog": each, "eval_score": None} for each in (later, later[:2])],
    }
    for name, dialogs in written.items():
        (tmp_path / "convai2018" / f"{name}.json").write_text(json.dumps(dialogs))
    tolokers, volunteers = load(tmp_path)["convai2018"]
    assert [role for role, _ in tolokers.messages] == ["assistant", "assistant", "user"]
    assert (tolokers.system, tolokers.satisfied, tolokers.dissatisfied) == ("tolokers", 1.0, {})
    assert (volunteers.system, volunteers.satisfied, volunteers.dissatisfied) == ("volunteers", None, {0: 0.0, 1: 1.0})


def satisfied(said, app_type):
    messages = [{"role": role, "content": text} for role, text in said]
    transcript = msgspec.convert({"conversation_id": "c", "messages": messages}, Transcript)
    return score(transcript, app_type, Judge(weights({}))).satisfaction
