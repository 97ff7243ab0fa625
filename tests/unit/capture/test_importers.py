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

from feedback.capture.importers import export as export_module
from feedback.capture.importers import stream, tree
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
    monkeypatch.setattr(tree, "MAX_MESSAGES", 100)
    huge = chatgpt_conversation(filler=["word " * 1000] * 1000)
    good = chatgpt_conversation(conversation_id="good", filler=["word " * 1000] * 100)
    events, tally = imported("chatgpt", write_folder(tmp_path, {"conversations.json": [good, huge, good]}))
    assert (tally.conversations, dict(tally.skipped), len(events)) == (2, {"too_large": 1}, 6)


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
    path = write_lines(tmp_path / "spans.jsonl", span, {"name": "x", "attributes": {}}, later)
    events, tally = imported("phoenix", path)
    (answer,), (thumb, helpful) = of(events, Generation), of(events, Feedback)
    assert (answer.response_id, answer.conversation_id, answer.output) == ("span-1", "session-1", "Lentil.")
    assert (answer.input[0].content, answer.latency_ms, answer.output_tokens) == ("Soup?", 2000, 2)
    assert (thumb.kind, thumb.value.rating, thumb.value.text) == ("thumbs", 1.0, "warm")
    assert (helpful.kind, helpful.surface, helpful.response_id) == ("rating", "helpful", "span-1")
    assert dict(tally.skipped) == {"not_a_generation": 1, "judged_by_model": 1}
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


def encrypted_zip(path: Path) -> Path:
    data = bytearray(write_zip(path, {"conversations.json": []}).read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.index(signature) + offset
        struct.pack_into("<H", data, at, struct.unpack_from("<H", data, at)[0] | 1)
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
    "encrypted": ("encrypted", encrypted_zip),
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
