"""Logs of OpenAI's API: requests with their responses, and stored completions."""

from pathlib import Path

from feedwheel_capture.events import Generation

from tests.exports import (
    exchange,
    imported,
    of,
    write_lines,
)


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
