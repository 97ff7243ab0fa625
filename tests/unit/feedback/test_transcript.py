import msgspec
import pytest

from feedback.judge import Judge
from feedback.satisfaction import PRIOR_DISSATISFIED
from feedback.taxonomy import weights
from feedback.transcript import Transcript, score

JUDGE = Judge(weights({}))


def judged(*messages, events=()):
    """Messages as `u: text`, `a: text`, `s: text`."""
    roles = {"u": "user", "a": "assistant", "s": "system"}
    transcript = {
        "conversation_id": "c",
        "messages": [{"role": roles[text[0]], "content": text[3:]} for text in messages],
        "events": list(events),
    }
    found = score(msgspec.convert(transcript, Transcript), "task", JUDGE)
    return msgspec.json.decode(msgspec.json.encode(found))


def test_signals_stand_where_they_were_said_and_judge_the_answer_before():
    found = judged("s: Route.", "u: Where is my card?", "a: top up", "u: No, I meant my card", "a: card arrival")
    assert [turn["index"] for turn in found["turns"]] == [0, 1, 2, 3, 4]
    (signal,) = (signal for signal in found["turns"][3]["signals"] if signal["kind"] == "correction")
    assert (signal["about"], signal["polarity"], signal["span"]) == (2, -1, [4, 11])
    assert found["turns"][2]["p_dissatisfied"] > PRIOR_DISSATISFIED


def test_every_answer_has_a_probability_and_nothing_else_has():
    found = judged("u: hello", "a: hi", "a: still there?", "u: and now?", "a: bye")
    assert [turn["p_dissatisfied"] is not None for turn in found["turns"]] == [False, True, True, False, True]


def test_the_last_word_counts_although_nobody_answered_it():
    found = judged("u: Where is my card?", "a: card arrival", "u: Thanks, that's right!")
    assert [signal["kind"] for signal in found["turns"][2]["signals"]] == ["positive"]
    assert found["turns"][1]["p_dissatisfied"] < PRIOR_DISSATISFIED
    assert len(found["turns"]) == 3


def test_without_answers_there_is_the_prior():
    assert judged() == {"conversation_id": "c", "satisfaction": pytest.approx(1 - PRIOR_DISSATISFIED), "turns": []}
    assert judged("u: hello")["turns"][0]["signals"] == []


def test_acts_stand_at_the_answer_they_judge():
    act = {"kind": "thumbs", "value": {"rating": -1, "scale": [-1, 1]}, "about": 1}
    whole = {"kind": "solved", "value": {"rating": 1, "scale": [0, 1]}}
    found = judged("u: Where is my card?", "a: card arrival", events=[act, act, whole])
    assert [signal["kind"] for signal in found["turns"][1]["signals"]] == ["thumbs", "thumbs"]
    assert [signal["about"] for signal in found["signals"]] == [None]


@pytest.mark.parametrize("about", [0, 2, 7])
def test_an_act_about_no_answer_is_refused(about):
    with pytest.raises(ValueError, match=f"message {about}, which is no answer"):
        judged("u: hello", "a: hi", "u: bye", events=[{"kind": "bookmark", "about": about}])
