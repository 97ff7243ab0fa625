from datetime import timedelta

import pytest
from feedwheel_capture.events import FeedbackValue

from feedback.conversation import MAX_PROMPT_MESSAGES, assemble
from tests.events import (
    DISLIKED,
    LIKED,
    START,
    conversation,
    dialogue,
    exposure,
    feedback,
    generation,
    log,
    logged,
    user,
)


def shape(found):
    return [(turn.response_id, turn.parent, turn.regeneration_of) for turn in found.turns]


def test_parents_follow_from_the_hashes_of_threads():
    first, second, third = dialogue("hello", "hi", "my card is lost", "lost card", "thanks")
    assert shape(conversation(third, first, second)) == [("a0", None, None), ("a1", "a0", None), ("a2", "a1", None)]


def test_parent_comes_first_even_if_its_clock_is_late():
    parent, child = dialogue("hello", "hi", "my card is lost", "lost card")
    late = logged(parent, 0, sent_at=START + timedelta(seconds=90), appended_at=START + timedelta(minutes=2))
    assert shape(conversation(late, logged(child, 1))) == [("a0", None, None), ("a1", "a0", None)]


def test_a_named_parent_wins_over_the_hash():
    first, second, _ = dialogue("hello", "hi", "my card is lost", "lost card", "thanks")
    third = generation("a2", "thanks", parent_response_id="a0")
    assert shape(conversation(first, second, third))[2] == ("a2", "a0", None)


@pytest.mark.parametrize(
    "hostile",
    [
        [generation("a0", prefix_hash="x", thread_hash="x"), generation("a1", prefix_hash="x", thread_hash="x")],
        [generation("a0", parent_response_id="a1"), generation("a1", parent_response_id="a0")],
        [generation("a0", parent_response_id="a0"), generation("a1", prefix_hash="gone")],
    ],
    ids=["one hash", "circular parents", "own parent"],
)
def test_hostile_links_lose_no_answer(hostile):
    assert sorted(turn.response_id for turn in conversation(*hostile).turns) == ["a0", "a1"]


def test_same_request_again_is_a_regeneration():
    found = conversation(
        generation("a0", output="one"), generation("a1", output="two"), generation("a2", output="three")
    )
    assert [turn.regeneration_of for turn in found.turns] == [None, "a0", "a1"]


def test_a_retry_after_an_error_is_no_regeneration():
    found = conversation(generation("a0", output="", finish_reason="error"), generation("a1"))
    assert found.turns[1].regeneration_of is None


def test_prompt_is_what_the_model_saw():
    last = conversation(*dialogue("hello", "hi", "my card is lost", "lost card", "thanks")).turns[2]
    assert [(message.role, message.content) for message in last.prompt] == [
        ("user", "hello"),
        ("assistant", "hi"),
        ("user", "my card is lost"),
        ("assistant", "lost card"),
        ("user", "thanks"),
    ]


def test_prompt_is_unknown_where_its_history_is_not_ours():
    found = conversation(generation("a0", history=[("user", "elsewhere"), ("assistant", "said")]))
    assert found.turns[0].prompt is None
    assert found.turns[0].request == "Where is my card?"


def test_prompt_is_given_up_where_it_grows_without_end():
    turns = conversation(*dialogue(*(f"message {n}" for n in range(MAX_PROMPT_MESSAGES + 10)))).turns
    assert turns[MAX_PROMPT_MESSAGES // 2 - 1].prompt is not None
    assert turns[-1].prompt is None


def test_text_without_consent_is_not_there_even_if_it_was_sent():
    answers = dialogue("hello", "hi", "no, I meant my card", "lost card", consent="signal_only")
    found = conversation(*answers)
    assert [(turn.prompt, turn.request, turn.output) for turn in found.turns] == [(None, None, None)] * 2
    assert found.replies == ()
    assert found.unread_messages == 2
    assert found.consent == "signal_only"


def test_withheld_messages_are_counted():
    silent = generation("a0", output=None, consent="signal_only", input=[user(None, length=12)])
    assert conversation(silent).unread_messages == 1


def test_copies_count_once():
    events = log(generation("a0"), feedback())
    copies = [logged(event.data, n + 7, event_id=event.event_id) for n, event in enumerate(events)]
    found = assemble([*copies, *events], START, timedelta(minutes=30))
    assert found.duplicates == 2
    assert len(found.turns) == len(found.feedback) == 1
    assert [found.outcomes[copy.position] for copy in copies] == ["duplicate"] * 2


def test_same_id_from_another_source_is_another_event():
    events = [
        logged(generation("a0"), 0),
        logged(feedback(), 1),
        logged(exposure(), 2, event_id="event-0001", source="b"),
    ]
    assert conversation(*events).duplicates == 0


def test_a_second_event_for_one_answer_is_a_duplicate():
    found = conversation(generation("a0"), generation("a0", output="another"))
    assert [turn.output for turn in found.turns] == ["card arrival"]
    assert found.duplicates == 1


@pytest.mark.parametrize(
    ("given", "standing"),
    [
        ([feedback(value=LIKED), feedback(value=DISLIKED)], [DISLIKED]),
        ([feedback(value=LIKED), feedback(value=None)], []),
        ([feedback(value=LIKED), feedback(value=None), feedback(value=DISLIKED)], [DISLIKED]),
        ([feedback(value=LIKED), feedback(value=DISLIKED, surface="report")], [LIKED, DISLIKED]),
        ([feedback(value=LIKED), feedback(value=DISLIKED, user_key="person-2")], [LIKED, DISLIKED]),
        ([feedback(value=LIKED), feedback("bookmark", FeedbackValue())], [LIKED, FeedbackValue()]),
    ],
    ids=["latest wins", "retracted", "given again", "surfaces apart", "people apart", "kinds apart"],
)
def test_latest_feedback_stands(given, standing):
    found = conversation(generation("a0"), *given)
    assert [event.data.value for event in found.feedback] == standing


def test_superseded_feedback_is_counted():
    found = conversation(generation("a0"), feedback(), feedback(value=None))
    assert sorted(found.outcomes.values()) == ["superseded", "used", "used"]


def test_feedback_on_an_answer_that_is_not_here_waits():
    found = conversation(generation("a0"), feedback(response_id="a9"), exposure("a9"))
    assert found.feedback == ()
    assert sorted(found.outcomes.values()) == ["orphan", "orphan", "used"]


def test_an_event_from_the_future_takes_the_time_of_its_arrival():
    ahead = logged(generation("a0"), 0, sent_at=START + timedelta(days=400), appended_at=START)
    found = conversation(ahead, feedback())
    assert found.turns[0].event.time == START
    assert found.turns[0].event.is_skewed
    assert (found.skewed_events, found.last_time) == (1, START + timedelta(minutes=1))


def test_an_imported_event_keeps_its_time():
    old = logged(generation("a0"), 0, sent_at=START - timedelta(days=400), appended_at=START)
    found = conversation(old)
    assert found.turns[0].event.time == START - timedelta(days=400)
    assert found.is_abandoned


@pytest.mark.parametrize(
    ("events", "due_minutes"),
    [
        ([generation("a0")], 30),
        (dialogue("hello", "hi", "and now?", "bye"), 31),
        ([generation("a0"), feedback()], None),
        ([generation("a0"), feedback("exit", FeedbackValue(), None, conversation_id="conversation-1")], None),
        ([generation("a0"), feedback(), feedback(value=None)], 30),
        ([generation("a0", finish_reason="error")], None),
    ],
    ids=["silence", "after the newest", "judged", "left", "retracted", "failed"],
)
def test_silence_is_due_after_the_newest_answer(events, due_minutes):
    due_at = conversation(*events).due_at
    assert due_at == (None if due_minutes is None else START + timedelta(minutes=due_minutes))


def test_silence_becomes_a_signal_at_its_time_and_not_before():
    due = START + timedelta(minutes=30)
    assert not conversation(generation("a0"), as_of=due - timedelta(microseconds=1)).is_abandoned
    assert conversation(generation("a0"), as_of=due).is_abandoned


def test_no_generation_no_conversation():
    with pytest.raises(ValueError, match="at least one generation"):
        conversation(feedback())
