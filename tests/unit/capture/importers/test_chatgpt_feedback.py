"""ChatGPT's smaller files: what people said about answers finds them, or is counted."""

from pathlib import Path

import pytest
from feedwheel_capture.events import Feedback, Generation

from tests.exports import (
    CONVERSATION,
    assembled,
    chatgpt_conversation,
    chatgpt_files,
    imported,
    node,
    of,
    write_folder,
)
from tests.exports import tree as mapping_of


def test_what_was_said_about_answers_finds_them(tmp_path: Path) -> None:
    events, _ = imported("chatgpt", write_folder(tmp_path, chatgpt_files()))
    liked, disliked, complaint, comparison, shared = of(events, Feedback)
    assert (liked.response_id, liked.value.rating) == ("again", 1.0)
    assert (disliked.response_id, disliked.value.rating) == ("first", -1.0)
    assert (complaint.value.category, complaint.value.text) == ("wrong", "call [PHONE] instead")
    assert [(it.response_id, it.position) for it in comparison.value.candidates] == [("first", 1), ("again", 0)]
    assert comparison.value.chosen == "again"
    assert (shared.response_id, shared.conversation_id) == (None, CONVERSATION)
    whole = assembled(events)
    assert set(whole.outcomes.values()) == {"used"}
    assert len(whole.feedback) == 5


def test_an_answer_in_several_parts_is_one_and_is_found_by_each(tmp_path: Path) -> None:
    nodes = mapping_of(
        node("ask", None, "user", "Weather?"),
        node("part", "ask", "assistant", "I will look."),
        node("call", "part", "assistant", "look()", recipient="browser"),
        node("end", "call", "assistant", "Rain."),
    )
    files = {
        "conversations.json": [chatgpt_conversation(mapping=nodes)],
        "message_feedback.json": [{"id": "part", "conversation_id": CONVERSATION, "rating": "thumbs_up"}],
    }
    events, _ = imported("chatgpt", write_folder(tmp_path, files))
    (answer,), (thumb,) = of(events, Generation), of(events, Feedback)
    assert (answer.response_id, answer.output, thumb.response_id) == ("end", "I will look.\n\nRain.", "end")


def test_feedback_with_an_id_of_its_own_stands_beside_other_feedback_on_its_message(tmp_path: Path) -> None:
    told = {"message_id": "first", "conversation_id": CONVERSATION, "rating": "thumbsDown"}
    files = chatgpt_files() | {
        "message_feedback.json": [
            {**told, "id": "feedback-1", "text": "cold", "tags": ["harmful"]},
            {**told, "id": "feedback-2", "content": "still cold"},
        ]
    }
    events, _ = imported("chatgpt", write_folder(tmp_path, files))
    said = [it for it in of(events, Feedback) if it.kind == "complaint"]
    assert [(it.response_id, it.value.category, it.value.text) for it in said] == [
        ("first", "toxic", "cold"),
        ("first", "bad", "still cold"),
    ]
    assert len({event.id for event in events}) == len(events)


def test_answers_one_after_the_other_have_the_positions_of_their_order(tmp_path: Path) -> None:
    files = chatgpt_files()
    step = files["model_comparisons.json"][0]["output"]["feedback_step_2"]
    step.update(new_completion_placement="not-applicable", completion_comparison_rating="original")
    events, _ = imported("chatgpt", write_folder(tmp_path, files))
    (value,) = (it.value for it in of(events, Feedback) if it.kind == "comparison")
    assert [(it.response_id, it.position) for it in value.candidates] == [("first", 0), ("again", 1)]
    assert value.chosen == "first"


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"conversation_id": CONVERSATION, "rating": "thumbs_up"}, "no_id"),
        ({"id": "first", "conversation_id": CONVERSATION, "rating": None}, "no_rating"),
        ({"id": "x", "conversation_id": "elsewhere", "rating": "thumbs_up"}, "no_time"),
    ],
)
def test_feedback_that_says_nothing_is_counted(entry: dict, reason: str, tmp_path: Path) -> None:
    events, tally = imported("chatgpt", write_folder(tmp_path, chatgpt_files() | {"message_feedback.json": [entry]}))
    assert dict(tally.skipped) == {reason: 1}
    assert "thumbs" not in {it.kind for it in of(events, Feedback)}


def test_a_comparison_without_a_choice_is_counted(tmp_path: Path) -> None:
    files = chatgpt_files()
    files["model_comparisons.json"][0]["output"]["feedback_step_2"]["completion_comparison_rating"] = "same"
    _, tally = imported("chatgpt", write_folder(tmp_path, files))
    assert dict(tally.skipped) == {"no_choice": 1}
