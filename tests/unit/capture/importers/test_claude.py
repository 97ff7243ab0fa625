"""Claude's conversations: lists of messages, whose newer ones name their parents and hold blocks."""

from datetime import UTC, datetime
from pathlib import Path

from feedwheel_capture.events import Generation

from tests.exports import (
    assembled,
    claude_conversation,
    imported,
    of,
    write_folder,
    write_zip,
)


def test_claude(tmp_path: Path) -> None:
    events, tally = imported(
        "claude", write_zip(tmp_path / "c.zip", {"export/conversations.json": [claude_conversation()]})
    )
    assert [it.output for it in of(events, Generation)] == ["Tomato.", "Lentil.", "Boil it."]
    assert events[0].time == datetime(2025, 1, 6, 9, 31, 0, 250_000, UTC)
    tomato, lentil, boil = assembled(events).turns
    assert (tomato.regeneration_of, lentil.regeneration_of, boil.after) == (None, "m2", "m3")
    assert (tally.conversations, tally.answers, dict(tally.skipped)) == (1, 3, {})
    assert events == imported("claude", tmp_path / "c.zip")[0]


def test_claude_follows_the_parents_that_newer_exports_name(tmp_path: Path) -> None:
    conversation = claude_conversation()
    messages = conversation["chat_messages"]
    for message, parent in zip(messages, ("root", "m1", "m1", "m2", "m4"), strict=True):
        message["parent_message_uuid"] = parent
    events, _ = imported("claude", write_folder(tmp_path, {"conversations.json": [conversation]}))
    assert assembled(events).turns[2].after == "m2"


def test_claude_takes_an_edited_first_message_for_another_beginning(tmp_path: Path) -> None:
    conversation = claude_conversation()
    root = "00000000-0000-4000-8000-000000000000"
    for message, parent in zip(conversation["chat_messages"], (root, "m1", "m1", root, "m4"), strict=True):
        message["parent_message_uuid"] = parent
    events, _ = imported("claude", write_folder(tmp_path, {"conversations.json": [conversation]}))
    answers = of(events, Generation)
    assert [(it.turn, it.parent_response_id) for it in answers] == [(0, None)] * 3
    assert [message.content for message in answers[2].input] == ["How?"]


def test_claude_reads_what_was_pasted_and_the_tools_that_were_used(tmp_path: Path) -> None:
    conversation = claude_conversation()
    pasted, answer, _, picture, end = conversation["chat_messages"]
    pasted |= {"text": "", "attachments": [{"file_name": "", "extracted_content": "Soup recipes"}]}
    answer["content"] = [
        {"type": "text", "text": "I "},
        {"type": "text", "text": "look."},
        {"type": "thinking", "thinking": "Tomato?"},
        {"type": "tool_use", "name": "web_search", "input": {"query": "soup"}},
        {"type": "tool_result", "name": "web_search", "content": [{"type": "text", "text": "a page"}]},
        {"type": "text", "text": "Tomato."},
    ]
    picture |= {"text": "", "content": [], "files": [{"file_name": "soup.png"}]}
    conversation["chat_messages"] = [pasted, answer, picture, end]
    events, _ = imported("claude", write_folder(tmp_path, {"conversations.json": [conversation]}))
    first, second = of(events, Generation)
    assert [message.content for message in first.input] == ["Soup recipes"]
    assert first.output == "I look.\n\nTomato."
    assert [(call.name, call.arguments) for call in first.tool_calls] == [("web_search", '{"query":"soup"}')]
    assert (second.output, second.parent_response_id, second.tool_calls) == ("Boil it.", "m2", [])
