"""ChatGPT's conversations: trees with regenerations, tools, pictures, hidden messages, footnotes."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from feedwheel_capture.events import Generation

from tests.exports import (
    CONVERSATION,
    STARTED_S,
    assembled,
    chatgpt_conversation,
    chatgpt_files,
    imported,
    node,
    of,
    write_folder,
    write_zip,
)
from tests.exports import tree as mapping_of


def chatgpt_events(path: Path, *nodes: dict[str, Any]) -> list[Any]:
    conversation = chatgpt_conversation(mapping=mapping_of(*nodes))
    return imported("chatgpt", write_folder(path, {"conversations.json": [conversation]}))[0]


@pytest.mark.parametrize(
    "write",
    [
        lambda path, files: write_folder(path / "export", files),
        lambda path, files: write_zip(path / "export.zip", files),
    ],
)
def test_chatgpt_from_folder_and_zip(write: Callable, tmp_path: Path) -> None:
    events, tally = imported("chatgpt", write(tmp_path, chatgpt_files()))
    first, again, french = of(events, Generation)
    assert [it.response_id for it in (first, again, french)] == ["first", "again", "french"]
    assert {event.source for event in events} == {"feedwheel/import/chatgpt"}
    assert {it.conversation_id for it in (first, again, french)} == {CONVERSATION}
    assert [message.content for message in first.input] == ["How do I reach Ann at [EMAIL]?"]
    assert (first.turn, again.turn, french.turn) == (0, 0, 1)
    assert french.parent_response_id == "again"
    assert [(call.name, call.arguments) for call in french.tool_calls] == [("browser", 'search("mail")')]
    assert (first.model, french.model) == ("gpt-4o", "gpt-4o")
    assert (tally.conversations, tally.answers, dict(tally.skipped)) == (1, 3, {})
    assert dict(tally.feedback) == {"thumbs": 2, "complaint": 1, "comparison": 1, "share": 1}


def test_times_are_the_exports_own_and_a_missing_one_is_that_before_it(tmp_path: Path) -> None:
    events, _ = imported("chatgpt", write_folder(tmp_path, chatgpt_files()))
    first, _, french, liked, disliked, _, _, shared = events
    assert first.time.timestamp() == pytest.approx(STARTED_S + 5)
    assert french.time.timestamp() == pytest.approx(STARTED_S + 63)
    assert disliked.time == datetime(2025, 1, 6, 9, 31, 0, 500_000, UTC)
    assert liked.time == shared.time == french.time  # the export gives none: when the conversation ended


def test_extract_sees_the_regeneration_and_the_thread(tmp_path: Path) -> None:
    events, _ = imported("chatgpt", write_folder(tmp_path, chatgpt_files()))
    first, again, french = assembled(events[::-1]).turns
    assert (again.regeneration_of, first.regeneration_of, french.regeneration_of) == ("first", None, None)
    assert french.after == "again"
    assert french.prompt is not None
    assert [message.content for message in french.prompt][1:] == ["Write a mail.", "And in French?"]


def test_a_picture_parts_two_answers_and_what_nobody_said_does_not(tmp_path: Path) -> None:
    picture = {"content_type": "multimodal_text", "parts": [{"content_type": "image_asset_pointer"}]}
    memory = {"content_type": "user_editable_context", "user_profile": "I like soup."}
    events = chatgpt_events(
        tmp_path,
        node("context", None, "user", "", content=memory),
        node("ask", "context", "user", "What is this?"),
        node("first", "ask", "assistant", "Show me."),
        node("picture", "first", "user", "", content=picture),
        node("second", "picture", "assistant", "A cat,"),
        node("hidden", "second", "user", "Go on.", metadata={"is_visually_hidden_from_conversation": True}),
        node("third", "hidden", "assistant", "asleep."),
    )
    first, second = of(events, Generation)
    assert (first.output, second.output) == ("Show me.", "A cat,\n\nasleep.")
    assert [(message.role, message.content) for message in second.input] == [("user", "")]
    assert (second.turn, second.parent_response_id) == (1, "first")


def test_a_branch_of_no_weight_is_a_regeneration(tmp_path: Path) -> None:
    events = chatgpt_events(
        tmp_path,
        node("ask", None, "user", "Soup?"),
        node("left", "ask", "assistant", "Tomato.", 1, weight=0.0),
        node("kept", "ask", "assistant", "Lentil.", 2, weight=1.0),
    )
    assert [turn.regeneration_of for turn in assembled(events).turns] == [None, "left"]


def test_code_is_for_a_tool_whomever_it_is_sent_to(tmp_path: Path) -> None:
    code = {"content_type": "code", "language": "unknown", "text": 'search("rain")'}
    events = chatgpt_events(
        tmp_path,
        node("ask", None, "user", "Weather?"),
        node("code", "ask", "assistant", "", content=code),
        node("end", "code", "assistant", "Rain."),
    )
    (answer,) = of(events, Generation)
    assert answer.output == "Rain."
    assert [(call.name, call.arguments) for call in answer.tool_calls] == [("code", 'search("rain")')]


def test_what_was_spoken_aloud_is_read_as_text(tmp_path: Path) -> None:
    spoken = {"content_type": "audio_transcription", "text": "Soup?", "direction": "in"}
    parts = [spoken, {"content_type": "real_time_user_audio_video_asset_pointer"}]
    events = chatgpt_events(
        tmp_path,
        node("ask", None, "user", "", content={"content_type": "multimodal_text", "parts": parts}),
        node("end", "ask", "assistant", "Lentil."),
    )
    assert of(events, Generation)[0].input[0].content == "Soup?"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Rain.\ue200cite\ue202turn0search1\ue202turn0news3\ue201 Snow.", "Rain. Snow."),
        ('In \ue200entity\ue202["city","Paris","capital"]\ue201 it rains.', "In Paris it rains."),
        ("See \ue200url\ue202the page\ue202https://example.com\ue201.", "See the page."),
        ("\ue200entity\ue202[broken\ue201Rain.", "Rain."),
        ("\ue200never closed", "\ue200never closed"),
    ],
)
def test_an_answer_reads_as_its_page_drew_it(written: str, read: str, tmp_path: Path) -> None:
    (answer,) = of(chatgpt_events(tmp_path, node("end", None, "assistant", written)), Generation)
    assert answer.output == read


def test_importing_twice_gives_the_same_events(tmp_path: Path) -> None:
    once, _ = imported("chatgpt", write_folder(tmp_path / "a", chatgpt_files()))
    again, _ = imported("chatgpt", write_zip(tmp_path / "b.zip", chatgpt_files()))
    assert once == again
    assert len({event.id for event in once}) == len(once)
    assert assembled([*once, *again]).duplicates == len(once)


def test_numbered_conversations_are_one_export(tmp_path: Path) -> None:
    files = {f"conversations-{n:03}.json": [chatgpt_conversation(conversation_id=f"c{n}")] for n in range(3)}
    _, tally = imported("chatgpt", write_folder(tmp_path, files))
    assert (tally.conversations, tally.answers) == (3, 9)


@pytest.mark.parametrize(
    ("conversation", "reason"),
    [
        ("text", "not_an_object"),
        (chatgpt_conversation(id=None, conversation_id=None), "no_id"),
        (chatgpt_conversation(mapping=None), "no_messages"),
        (
            chatgpt_conversation(mapping={"a": node("a", "b", "assistant", "x"), "b": node("b", "a", "user", "y")}),
            "unreachable",
        ),
        (chatgpt_conversation(mapping=mapping_of(node("ask", None, "user", "Hello?"))), "no_answer"),
        (
            chatgpt_conversation(
                create_time=None, update_time=None, mapping=mapping_of(node("a", None, "assistant", "x", None))
            ),
            "no_time",
        ),
        (chatgpt_conversation(mapping=mapping_of(node("a", None, "assistant", "long " * 250_000))), "event_too_large"),
        # Year 2286: found by fuzzing, it ended the import.
        (chatgpt_conversation(mapping=mapping_of(node("a", None, "assistant", "x", create_time=1e10))), "wrong_value"),
        (chatgpt_conversation(deep=json.loads("[" * 150 + "]" * 150)), "too_deep"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bad_conversation_is_counted_and_the_next_one_read(conversation: Any, reason: str, tmp_path: Path) -> None:
    good = chatgpt_conversation(conversation_id="good")
    events, tally = imported("chatgpt", write_folder(tmp_path, {"conversations.json": [conversation, good]}))
    assert reason in tally.skipped
    assert [it.conversation_id for it in of(events, Generation)] == ["good"] * 3
