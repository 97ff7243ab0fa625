"""Importers: what becomes of real exports, of the same export twice, and of exports made to harm."""

import json
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from feedwheel_capture.events import Exposure, Feedback, Generation

from feedback.capture.importers import conversations, stream
from feedback.capture.importers import export as export_module
from feedback.capture.importers.refusal import ExportRefused
from feedback.capture.importers.times import moment
from feedback.conversation import Conversation, Logged, Position, assemble
from tests.exports import (
    CONVERSATION,
    STARTED_S,
    chatgpt_conversation,
    chatgpt_files,
    claude_conversation,
    imported,
    node,
    target,
    write_folder,
    write_lines,
    write_zip,
)
from tests.exports import tree as mapping_of

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


def assembled(events: list[Any]) -> Conversation:
    """The conversation as extract makes it."""
    logged: list[Logged[Generation | Feedback | Exposure]] = [
        Logged(Position("t", 0, place, "t"), NOW, event.id, event.source, event.time, event.data)
        for place, event in enumerate(events)
    ]
    return assemble(logged, NOW, timedelta(minutes=30))


def of(events: list[Any], record: type) -> list[Any]:
    return [event.data for event in events if isinstance(event.data, record)]


# ChatGPT


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


def test_extract_sees_the_regeneration_and_the_thread(tmp_path: Path) -> None:
    events, _ = imported("chatgpt", write_folder(tmp_path, chatgpt_files()))
    first, again, french = assembled(events[::-1]).turns
    assert (again.regeneration_of, first.regeneration_of, french.regeneration_of) == ("first", None, None)
    assert french.after == "again"
    assert french.prompt is not None
    assert [message.content for message in french.prompt][1:] == ["Write a mail.", "And in French?"]


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


def chatgpt_events(path: Path, *nodes: dict[str, Any]) -> list[Any]:
    conversation = chatgpt_conversation(mapping=mapping_of(*nodes))
    return imported("chatgpt", write_folder(path, {"conversations.json": [conversation]}))[0]


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


def test_a_conversation_beyond_its_bound_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MAX_PART_BYTES", 1_000_000)
    monkeypatch.setattr(conversations, "MAX_MESSAGES", 10)
    huge = chatgpt_conversation(filler=["word " * 1000] * 1000)
    long = chatgpt_conversation(mapping=mapping_of(*(node(f"n{n}", None, "user", "x") for n in range(11))))
    good = chatgpt_conversation(conversation_id="good", filler=["word " * 1000] * 100)
    events, tally = imported("chatgpt", write_folder(tmp_path, {"conversations.json": [good, huge, long, good]}))
    assert (tally.conversations, dict(tally.skipped), len(events)) == (2, {"too_large": 2}, 6)


def test_many_small_values_and_long_lines_are_bounded_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MAX_PART_VALUES", 1000)
    monkeypatch.setattr(stream, "MAX_LINE_BYTES", 100_000)
    files = {"conversations.json": [{"a": [{}] * 2000}, chatgpt_conversation()]}
    _, tally = imported("chatgpt", write_folder(tmp_path, files))
    assert (tally.conversations, dict(tally.skipped)) == (1, {"too_large": 1})
    path = write_lines(tmp_path / "log.jsonl", exchange(filler="x" * 200_000), exchange())
    _, tally = imported("openai", path)
    assert (tally.answers, dict(tally.skipped)) == (1, {"too_large": 1})


def test_one_value_beyond_every_bound_ends_the_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MAX_PART_BYTES", 1_000_000)
    path = write_folder(tmp_path, {"conversations.json": [chatgpt_conversation(title="x" * 3_000_000)]})
    with pytest.raises(ExportRefused) as refused:
        imported("chatgpt", path)
    assert refused.value.reason == "too_large"


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


# Whose they are, and what is allowed


def test_a_person_is_hashed_and_can_be_named(tmp_path: Path) -> None:
    path = write_folder(tmp_path, chatgpt_files())
    events, _ = imported("chatgpt", path)
    (key,) = {event.data.user_key for event in events}
    assert key == target().identity.person("helpdesk", "user-1", "").user_key
    named, _ = imported("chatgpt", path, user="ann")
    assert {event.data.user_key for event in named} == {target().identity.person("helpdesk", "ann", "").user_key}
    (tmp_path / "user.json").unlink()
    unnamed, _ = imported("chatgpt", path)
    assert {event.data.user_key for event in unnamed} == {
        target().identity.person("helpdesk", "export-owner", "").user_key
    }


def test_consent_is_applied_to_imports(tmp_path: Path) -> None:
    path = write_folder(tmp_path, chatgpt_files())
    signals, tally = imported("chatgpt", path, consent="signal_only")
    assert tally.answers == 3
    assert {it.output for it in of(signals, Generation)} == {None}
    assert {it.value.text for it in of(signals, Feedback)} == {None}
    nothing, tally = imported("chatgpt", path, consent="none")
    assert (nothing, tally.answers, tally.withheld) == ([], 0, 8)


# Claude


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


# Logs of OpenAI's API


def exchange(number: int = 1, **replaced: Any) -> dict[str, Any]:
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


def test_openai_logs(tmp_path: Path) -> None:
    stored = {
        "id": "chatcmpl-2",
        "object": "chat.completion.stored",
        "created": 1736155801.5,
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Soup?"}]}],
        "choices": [{"message": {"content": "Tomato."}}, {"message": {"content": "Leek."}}],
        "metadata": None,
    }
    path = write_lines(tmp_path / "log.jsonl", exchange(), stored, "text", {"response": {}})
    path.write_bytes(path.read_bytes() + b'{"cut": \n' + b"[" * 100_000 + b"\n")
    events, tally = imported("openai", path)
    lentil, tomato, leek = of(events, Generation)
    assert (lentil.conversation_id, lentil.finish_reason, lentil.input_tokens) == ("c1", "length", 9)
    assert (lentil.model, lentil.model_version) == ("gpt-4o", "gpt-4o-2024-08-06")
    assert (tomato.response_id, leek.response_id) == ("chatcmpl-2", "chatcmpl-2/1")
    assert lentil.user_key
    assert tomato.user_key is None
    assert sum(tally.skipped.values()) == 4
    assert {"not_an_object", "no_answer", "not_json"} <= tally.skipped.keys()
    assert events == imported("openai", path)[0]


def test_openai_logs_of_later_requests(tmp_path: Path) -> None:
    line, refused = exchange(1), exchange(2)
    line["request"]["safety_identifier"] = line["request"].pop("user")
    refused["response"]["choices"] = [{"message": {"content": None, "refusal": "I cannot."}, "finish_reason": "stop"}]
    first, second = of(imported("openai", write_lines(tmp_path / "log.jsonl", line, refused))[0], Generation)
    assert first.user_key == second.user_key
    assert (first.output, second.output) == ("Lentil.", "I cannot.")


def test_a_response_without_an_id_is_known_by_its_line(tmp_path: Path) -> None:
    line = exchange()
    del line["response"]["id"]
    path = write_lines(tmp_path / "log.jsonl", line, exchange(2))
    assert len({event.id for event in imported("openai", path)[0]}) == 2
    assert imported("openai", path)[0] == imported("openai", path)[0]


# Observability products


def langfuse_trace(**replaced: Any) -> dict[str, Any]:
    given = {
        "id": "trace-1",
        "timestamp": "2025-01-06T09:30:00Z",
        "userId": "ann",
        "sessionId": "session-1",
        "observations": [
            {"id": "span-1", "type": "SPAN"},
            {
                "id": "gen-1",
                "type": "GENERATION",
                "model": "gpt-4o",
                "input": [{"role": "user", "content": "Soup?"}],
                "output": {"role": "assistant", "content": "Lentil."},
                "startTime": "2025-01-06T09:30:00.000Z",
                "endTime": "2025-01-06T09:30:01.500Z",
                "usage": {"input": 4, "output": 2},
            },
        ],
        "scores": [
            {"id": "s1", "name": "user-feedback", "value": 0, "comment": "cold", "timestamp": "2025-01-06T09:31:00Z"},
            {"id": "s2", "name": "stars", "value": 4, "observationId": "gen-1", "timestamp": "2025-01-06T09:32:00Z"},
            {"id": "s3", "name": "judge", "value": 0.9, "source": "EVAL", "timestamp": "2025-01-06T09:33:00Z"},
            {"id": "s4", "name": "mood", "dataType": "CATEGORICAL", "stringValue": "mauve", "value": 0},
        ],
    }
    return {**given, **replaced}


@pytest.mark.parametrize("wrapped", [lambda it: [it], lambda it: it, lambda it: {"data": [it], "meta": {"page": 1}}])
def test_langfuse(wrapped: Callable, tmp_path: Path) -> None:
    trace = langfuse_trace()
    trace["scores"][3] = {"id": "s4", "name": "mood", "value": 7000}
    (tmp_path / "traces.json").write_text(json.dumps(wrapped(trace)), encoding="utf-8")
    events, tally = imported("langfuse", tmp_path / "traces.json")
    (answer,), (thumb, stars) = of(events, Generation), of(events, Feedback)
    assert (answer.response_id, answer.conversation_id, answer.output) == ("gen-1", "session-1", "Lentil.")
    assert (answer.latency_ms, answer.input_tokens, answer.output_tokens) == (1500, 4, 2)
    assert (thumb.kind, thumb.value.rating, thumb.value.text, thumb.response_id) == ("thumbs", -1.0, "cold", "gen-1")
    assert (stars.kind, stars.value.rating, stars.value.scale, stars.surface) == ("rating", 4, (1.0, 5.0), "stars")
    assert dict(tally.skipped) == {"not_a_generation": 1, "judged_by_model": 1, "no_rating": 1}
    assert set(assembled(events).outcomes.values()) == {"used"}


def test_the_scale_of_a_score_is_that_of_all_scores_of_its_name(tmp_path: Path) -> None:
    scores = [
        {"id": f"s{value}", "name": "stars", "value": value, "timestamp": "2025-01-06T09:32:00Z"} for value in (1, 5)
    ]
    path = write_lines(tmp_path / "t.jsonl", *(langfuse_trace(scores=[score]) for score in scores))
    ratings = of(imported("langfuse", path)[0], Feedback)
    assert [(it.value.rating, it.value.scale) for it in ratings] == [(1, (1.0, 5.0)), (5, (1.0, 5.0))]


def test_langfuse_scores_in_words_are_read_by_their_words(tmp_path: Path) -> None:
    said = {"timestamp": "2025-01-06T09:31:00Z", "source": "ANNOTATION"}
    scores = [
        {"id": "s1", "name": "verdict", "dataType": "CATEGORICAL", "stringValue": "good", "value": 0, **said},
        {"id": "s2", "name": "mood", "dataType": "CATEGORICAL", "stringValue": "mauve", "value": 0, **said},
        {
            "id": "s3",
            "name": "tier",
            "dataType": "CATEGORICAL",
            "stringValue": "b",
            "value": 1,
            "configId": "c",
            **said,
        },
        {"id": "s4", "name": "output", "dataType": "CORRECTION", "stringValue": "Leek.", "value": 0, **said},
        {"id": "s5", "name": "note", "dataType": "TEXT", "stringValue": "hm", **said},
        {"id": "s6", "name": "liked", "dataType": "BOOLEAN", "stringValue": "False", "value": 0, **said},
    ]
    path = write_lines(tmp_path / "t.jsonl", langfuse_trace(scores=scores))
    events, tally = imported("langfuse", path)
    found = {it.surface: it for it in of(events, Feedback)}
    assert {name: (it.kind, it.value.rating) for name, it in found.items()} == {
        "verdict": ("rating", 1.0),
        "tier": ("rating", 1.0),
        "output": ("edit", None),
        "liked": ("thumbs", -1.0),
    }
    assert found["output"].value.edited_output == "Leek."
    assert tally.skipped["no_rating"] == 2


def test_langfuse_rows_of_their_own_find_each_other(tmp_path: Path) -> None:
    trace = {"trace_id": "trace-1", "session_id": "session-1", "user_id": "ann"}
    row = {**trace, "type": "GENERATION", "input": "Soup?", "start_time": "2025-01-06 09:30:00.000000"}
    score = {"data_type": "NUMERIC", "name": "stars", "timestamp": "2025-01-06 09:32:00.000000", "value": 5}
    path = write_lines(
        tmp_path / "rows.jsonl",
        {**row, "id": "gen-1", "output": "Tomato."},
        {**row, "id": "span-1", "type": "SPAN"},
        {**row, "id": "gen-2", "output": "Lentil."},
        {**score, "id": "s1", "trace_id": "trace-1", "observation_id": "gen-1"},
        {**score, "id": "s2", "trace_id": "trace-1", "observation_id": None},
        {**score, "id": "s3", "session_id": "session-9"},
        {**score, "id": "s4"},
    )
    events, tally = imported("langfuse", path)
    assert [it.response_id for it in of(events, Generation)] == ["gen-1", "gen-2"]
    about = [(it.response_id, it.conversation_id) for it in of(events, Feedback)]
    assert about == [("gen-1", "session-1"), ("gen-2", "session-1"), (None, "session-9")]
    assert len({event.data.user_key for event in events[:4]}) == 1
    assert (tally.conversations, dict(tally.skipped)) == (1, {"not_a_generation": 1, "no_such_answer": 1})


NESTED = {
    "openinference": {"span": {"kind": "LLM"}},
    "llm": {
        "model_name": "gpt-4o",
        "input_messages": [{"message": {"role": "user", "content": "Soup?"}}],
        "output_messages": [{"message": {"role": "assistant", "content": "Lentil."}}],
        "token_count": {"prompt": 4, "completion": 2},
    },
    "session": {"id": "session-1"},
    "user": {"id": "ann"},
}
FLAT = {
    "openinference.span.kind": "LLM",
    "llm.model_name": "gpt-4o",
    "llm.input_messages.0.message.role": "user",
    "llm.input_messages.0.message.content": "Soup?",
    "llm.output_messages": [{"message.role": "assistant", "message.content": "Lentil."}],
    "llm.token_count.prompt": 4,
    "llm.token_count.completion": 2.0,
    "session.id": "session-1",
    "user.id": "ann",
}


@pytest.mark.parametrize("attributes", [NESTED, FLAT], ids=["nested", "flat"])
def test_phoenix(attributes: dict, tmp_path: Path) -> None:
    span = {
        "name": "chat",
        "context": {"span_id": "span-1", "trace_id": "trace-1"},
        "start_time": "2025-01-06T09:30:00+00:00",
        "end_time": "2025-01-06T10:30:02+01:00",
        "attributes": attributes,
        "annotations": [
            {
                "name": "user feedback",
                "annotator_kind": "HUMAN",
                "result": {"label": "thumbs-up", "explanation": "warm"},
            },
            {"name": "toxicity", "annotator_kind": "LLM", "result": {"score": 0.1}},
        ],
    }
    later = {
        "span_id": "span-1",
        "name": "helpful",
        "annotator_kind": "HUMAN",
        "score": 0.5,
        "created_at": "2025-01-07T09:00:00Z",
    }
    frame = {"span_id": "span-1", "annotation_name": "tone", "annotator_kind": "HUMAN", "result.score": 1}
    agent = {**frame, "annotator_kind": "AGENT"}
    for row in (frame, agent):
        row["created_at"] = "2025-01-07T09:00:00Z"
    path = write_lines(tmp_path / "spans.jsonl", span, {"name": "x", "attributes": {}}, later, frame, agent)
    events, tally = imported("phoenix", path)
    (answer,), (thumb, helpful, tone) = of(events, Generation), of(events, Feedback)
    assert (answer.response_id, answer.conversation_id, answer.output) == ("span-1", "session-1", "Lentil.")
    assert (answer.input[0].content, answer.latency_ms, answer.output_tokens) == ("Soup?", 2000, 2)
    assert (thumb.kind, thumb.value.rating, thumb.value.text) == ("thumbs", 1.0, "warm")
    assert (helpful.kind, helpful.surface, helpful.response_id) == ("rating", "helpful", "span-1")
    assert (tone.surface, tone.value.rating, tone.response_id) == ("tone", 1, "span-1")
    assert dict(tally.skipped) == {"not_a_generation": 1, "judged_by_model": 2}
    assert events == imported("phoenix", path)[0]


# Exports made to harm


def named_zip(path: Path, name: str, *, link: bool = False) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("conversations.json", "[]")
        member = zipfile.ZipInfo(name)
        if link:
            member.external_attr = 0o120777 << 16
        archive.writestr(member, "[]")
    return path


def flagged_zip(path: Path, flag: int) -> Path:
    data = bytearray(write_zip(path, {"conversations.json": []}).read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.index(signature) + offset
        struct.pack_into("<H", data, at, struct.unpack_from("<H", data, at)[0] | flag)
    path.write_bytes(data)
    return path


def later_zip(path: Path) -> Path:
    """Of a version of the format that no library knows yet."""
    data = bytearray(write_zip(path, {"conversations.json": []}).read_bytes())
    data[data.index(b"PK\x01\x02") + 6] = 99
    path.write_bytes(data)
    return path


def moved_zip(path: Path) -> Path:
    """Its end says that everything stands later than it does, so that its member begins before the file."""
    data = bytearray(write_zip(path, {"conversations.json": []}).read_bytes())
    at = data.index(b"PK\x05\x06") + 16
    struct.pack_into("<I", data, at, struct.unpack_from("<I", data, at)[0] + 1)
    path.write_bytes(data)
    return path


def cut(path: Path, share: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def broken_inside(path: Path) -> Path:
    """Its content is not what its checksum says."""
    data = bytearray(write_zip(path, {"conversations.json": [chatgpt_conversation()]}).read_bytes())
    data[data.index(b"PK\x01\x02") + 16] ^= 1
    path.write_bytes(data)
    return path


def duplicated(path: Path) -> Path:
    return write_zip(path, {"a/conversations.json": [], "b/conversations.json": []})


def text_file(path: Path, text: str | bytes) -> Path:
    path = path.with_suffix(".json")
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def linked_folder(path: Path) -> Path:
    folder = path.with_suffix("")
    folder.mkdir()
    (folder / "conversations.json").symlink_to("/etc/passwd")
    return folder


HOSTILE: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "bomb": ("zip_bomb", lambda path: write_zip(path, {"conversations.json": b"[" + b" " * 20_000_000 + b"]"})),
    "parent": ("unsafe_name", lambda path: named_zip(path, "../../conversations.json")),
    "absolute": ("unsafe_name", lambda path: named_zip(path, "/etc/cron.d/x.json")),
    "backslash": ("unsafe_name", lambda path: named_zip(path, "..\\x.json")),
    "drive": ("unsafe_name", lambda path: named_zip(path, "C:\\x.json")),
    "link": ("link", lambda path: named_zip(path, "link.json", link=True)),
    "linked": ("link", linked_folder),
    "encrypted": ("encrypted", lambda path: flagged_zip(path, 0x1)),
    "strongly encrypted": ("encrypted", lambda path: flagged_zip(path, 0x40)),
    "patched": ("unsupported_compression", lambda path: flagged_zip(path, 0x20)),
    "later": ("unsupported_compression", later_zip),
    "moved": ("truncated", moved_zip),
    "duplicate": ("duplicate_member", duplicated),
    "cut zip": ("truncated", lambda path: cut(write_zip(path, chatgpt_files()), 0.6)),
    "broken zip": ("truncated", broken_inside),
    "no zip": ("truncated", lambda path: path.write_bytes(b"hello") and path),
    "lzma": ("unsupported_compression", lambda path: lzma_zip(path)),
    "cut json": ("truncated", lambda path: text_file(path, json.dumps([chatgpt_conversation()])[:-200])),
    "empty": ("truncated", lambda path: text_file(path, "")),
    "not json": ("not_json", lambda path: text_file(path, "<html></html>")),
    "binary": ("not_json", lambda path: text_file(path, b'["\xff\xfe"]')),
    "missing": ("not_found", lambda path: path),
    "other": ("not_an_export", lambda path: write_zip(path, {"photos.json": []})),
}


def lzma_zip(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("conversations.json", "[]")
    return path


@pytest.mark.parametrize(("reason", "make"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_exports_are_refused_with_a_reason(reason: str, make: Callable[[Path], Path], tmp_path: Path) -> None:
    path = make(tmp_path / "export.zip")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ExportRefused) as refused:
        imported("chatgpt", path)
    assert refused.value.reason == reason
    assert str(tmp_path) in str(refused.value)
    assert sorted(tmp_path.rglob("*")) == before  # nothing was unpacked


def test_what_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(path: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    path = write_folder(tmp_path, chatgpt_files())
    monkeypatch.setattr(Path, "open", deny)
    with pytest.raises(ExportRefused, match=r"unreadable: Permission denied"):
        imported("chatgpt", path)


def test_names_of_files_that_people_sent_may_hold_a_colon(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "e.zip", chatgpt_files() | {"file-1-Notes 10:30.png": b"", "textdocs/note.json": {}})
    assert imported("chatgpt", path)[1].answers == 3


def test_the_total_of_an_archive_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_module, "MAX_TOTAL_BYTES", 1000)
    with pytest.raises(ExportRefused) as refused:
        imported("chatgpt", write_zip(tmp_path / "e.zip", chatgpt_files()))
    assert refused.value.reason == "zip_bomb"


def test_deep_nesting_is_counted_and_costs_little(tmp_path: Path) -> None:
    path = text_file(tmp_path / "x", b"[" + b'{"a":' * 1_000_000 + b"1" + b"}" * 1_000_000 + b"]")
    _, tally = imported("chatgpt", path)
    assert dict(tally.skipped) == {"too_deep": 1}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1736155800, "2025-01-06T09:30:00+00:00"),
        (1736155800.25, "2025-01-06T09:30:00.250000+00:00"),
        (1736155800250, "2025-01-06T09:30:00.250000+00:00"),
        ("1736155800", "2025-01-06T09:30:00+00:00"),
        ("2025-01-06T09:30:00Z", "2025-01-06T09:30:00+00:00"),
        ("2025-01-06T09:30:00.123456Z", "2025-01-06T09:30:00.123456+00:00"),
        ("2025-01-06T10:30:00+01:00", "2025-01-06T09:30:00+00:00"),
        ("2025-01-06 09:30:00.25", "2025-01-06T09:30:00.250000+00:00"),
        *((value, None) for value in (None, "", "soon", True, -1, 1e30, float("nan"), float("inf"), [], "9" * 400)),
    ],
)
def test_times_of_exports(value: Any, expected: str | None) -> None:
    found = moment(value)
    assert (found and found.isoformat()) == expected


MEASURE = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
from tests.exports import target
from feedback.capture.importers.export import Export
from feedback.capture.importers.formats import read
from feedback.capture.importers.scribe import Scribe
scribe = Scribe("chatgpt", target(consent="signal_only"))
size = sum(len(record.value) for record in read(Export.of(Path(sys.argv[1])), scribe))
# Not ru_maxrss, which begins with what the parent had.
peak = next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(scribe.tally.conversations, scribe.tally.answers, int(peak) // 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of a process from that of its parent")
def test_memory_does_not_grow_with_the_export(tmp_path: Path) -> None:
    sentence = "The quick brown fox jumps over the lazy dog near the river. " * 130
    nodes = [node("n0", None, "user", sentence)]
    nodes += [node(f"n{n}", f"n{n - 1}", "user" if n % 2 == 0 else "assistant", sentence) for n in range(1, 100)]
    one = json.dumps(chatgpt_conversation(mapping=mapping_of(*nodes)))
    count = 200_000_000 // len(one) + 1
    path = tmp_path / "conversations.json"
    with path.open("w", encoding="utf-8") as file:
        for place in range(count):
            file.write(("[" if place == 0 else ",") + one)
        file.write("]")
    assert path.stat().st_size > 200_000_000
    done = subprocess.run([sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True)
    conversations, answers, peak_mib = map(int, done.stdout.split())
    assert (conversations, answers) == (count, count * 50)
    assert peak_mib < 100
