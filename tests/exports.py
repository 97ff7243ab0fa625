"""Small exports of other products as they really look, and how tests import them."""

import json
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from feedwheel_capture.events import Event, Exposure, Feedback, Generation
from feedwheel_capture.identity import Identity

from feedback.capture.importers.export import Export
from feedback.capture.importers.formats import read
from feedback.capture.importers.scribe import Format, Scribe, Target
from feedback.capture.importers.tally import Tally
from feedback.conversation import Conversation, Logged, Position, assemble
from schemas.events import decode_any

IDENTITY = Identity(("layer-1",), "split-key")
CONVERSATION = "6761d4a8-0000-4000-8000-000000000001"
STARTED_S = 1736155800.123456  # 2025-01-06 09:30 UTC
NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


def target(**replaced: Any) -> Target:
    given: dict[str, Any] = {"app": "helpdesk", "app_type": "assistant", "consent": "content", "identity": IDENTITY}
    return Target(**{**given, **replaced})


def imported(format: Format, path: Path, **replaced: Any) -> tuple[list[Event], Tally]:
    """The events of an export, decoded as ingest would, and the count of everything."""
    scribe = Scribe(format, target(**replaced))
    events = [decode_any(record.value) for record in read(Export.of(path), scribe)]
    return events, scribe.tally


def assembled(events: list[Any]) -> Conversation:
    """The conversation as extract makes it."""
    logged: list[Logged[Generation | Feedback | Exposure]] = [
        Logged(Position("t", 0, place, "t"), NOW, event.id, event.source, event.time, event.data)
        for place, event in enumerate(events)
    ]
    return assemble(logged, NOW, timedelta(minutes=30))


def of(events: list[Any], record: type) -> list[Any]:
    """The records of one type."""
    return [event.data for event in events if isinstance(event.data, record)]


def write_folder(folder: Path, files: Mapping[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    return folder


def write_zip(path: Path, files: Mapping[str, Any]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content if isinstance(content, bytes | str) else json.dumps(content))
    return path


def write_lines(path: Path, *values: Any) -> Path:
    path.write_bytes(b"".join(msgspec.json.encode(value) + b"\n" for value in values))
    return path


def node(
    name: str, parent: str | None, role: str, text: str, seconds: float | None = 0, **message: Any
) -> dict[str, Any]:
    """A node of a ChatGPT tree, `seconds` after its conversation began."""
    metadata = {"model_slug": "gpt-4o"} if role == "assistant" else {}
    return {
        "id": name,
        "parent": parent,
        "children": [],
        "message": {
            "id": name,
            "author": {"role": role, "name": None, "metadata": {}},
            "create_time": None if seconds is None else STARTED_S + seconds,
            "content": {"content_type": "text", "parts": [text]},
            "status": "finished_successfully",
            "recipient": "all",
            "metadata": metadata,
            **message,
        },
    }


def tree(*nodes: dict[str, Any]) -> dict[str, Any]:
    mapping = {it["id"]: it for it in nodes}
    for it in nodes:
        if it["parent"] in mapping:
            mapping[it["parent"]]["children"].append(it["id"])
    return mapping


def chatgpt_conversation(**replaced: Any) -> dict[str, Any]:
    """A question, an answer and another in its place, on which the person went on."""
    mapping = tree(
        {"id": "root", "parent": None, "children": [], "message": None},
        node("system", "root", "system", "", None, metadata={"is_visually_hidden_from_conversation": True}),
        node("ask", "system", "user", "How do I reach Ann at ann@example.com?", 1),
        node("first", "ask", "assistant", "Write a letter.", 5),
        node("again", "ask", "assistant", "Write a mail.", 20),
        node("more", "again", "user", "And in French?", 60),
        node("search", "more", "assistant", 'search("mail")', 61, recipient="browser"),
        node("found", "search", "tool", "a page", 62),
        node("thinking", "found", "assistant", "", 63, content={"content_type": "thoughts", "thoughts": []}),
        node("french", "thinking", "assistant", "Un courriel.", None),
    )
    given = {
        "id": CONVERSATION,
        "conversation_id": CONVERSATION,
        "title": "Mail",
        "create_time": STARTED_S,
        "update_time": STARTED_S + 70,
        "current_node": "french",
        "default_model_slug": "gpt-4o-mini",
        "mapping": mapping,
    }
    return {**given, **replaced}


def chatgpt_files() -> dict[str, Any]:
    return {
        "conversations.json": [chatgpt_conversation()],
        "message_feedback.json": [
            {
                "id": "again",
                "conversation_id": CONVERSATION,
                "user_id": "user-1",
                "rating": "thumbsUp",
                "content": "{}",
            },
            {
                "message_id": "first",
                "conversation_id": CONVERSATION,
                "create_time": "2025-01-06T09:31:00.5Z",
                "rating": "thumbs_down",
                "content": '{"text": "call 030 1234567 instead", "tags": ["not-helpful", "false"]}',
            },
        ],
        "model_comparisons.json": [
            {
                "id": "comparison-1",
                "create_time": "2025-01-06T09:30:30Z",
                "input": {"conversation_id": CONVERSATION},
                "output": {
                    "feedback_step_2": {
                        "original_turn": [{"id": "first"}],
                        "new_turn": [{"id": "again"}],
                        "new_completion_placement": "left",
                        "completion_comparison_rating": "new",
                    }
                },
            }
        ],
        "shared_conversations.json": [{"id": "link-1", "conversation_id": CONVERSATION, "is_anonymous": True}],
        "user.json": {"id": "user-1", "email": "ann@example.com"},
    }


def claude_conversation(**replaced: Any) -> dict[str, Any]:
    def message(name: str, sender: str, minute: int, **content: Any) -> dict[str, Any]:
        return {"uuid": name, "sender": sender, "created_at": f"2025-01-06T09:{minute}:00.25Z", **content}

    given = {
        "uuid": "claude-1",
        "name": "Soup",
        "created_at": "2025-01-06T09:30:00Z",
        "updated_at": "2025-01-06T09:40:00Z",
        "account": {"uuid": "account-1"},
        "chat_messages": [
            message("m1", "human", 30, text="Soup?"),
            message("m2", "assistant", 31, text="Tomato."),
            message("m3", "assistant", 32, text="", content=[{"type": "text", "text": "Lentil."}]),
            message("m4", "human", 33, text="How?"),
            message("m5", "assistant", 34, text="Boil it."),
        ],
    }
    return {**given, **replaced}


def exchange(number: int = 1, **replaced: Any) -> dict[str, Any]:
    """A line of a log of OpenAI's API."""
    given = {
        "request": {
            "model": "gpt-4o",
            "user": "ann",
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Soup?"}],
            "metadata": {"conversation_id": "c1"},
        },
        "response": {
            "id": f"chatcmpl-{number}",
            "model": "gpt-4o-2024-08-06",
            "choices": [{"message": {"role": "assistant", "content": "Lentil."}, "finish_reason": "length"}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 3},
        },
        "created": 1736155800,
    }
    return {**given, **replaced}
