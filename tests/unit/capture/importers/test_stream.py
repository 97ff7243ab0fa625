"""What is in memory at a time: large, long and deep parts are left out, and the size of an export does not matter."""

import sys
from pathlib import Path

import pytest

from feedback.capture.importers import conversations, stream
from feedback.capture.importers.refusal import ExportRefused
from tests.exports import chatgpt_conversation, exchange, imported, node, write_folder, write_lines
from tests.exports import tree as mapping_of
from tests.large_export import read_large, write_large


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


def test_deep_nesting_is_counted_and_costs_little(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b"[" + b'{"a":' * 1_000_000 + b"1" + b"}" * 1_000_000 + b"]")
    _, tally = imported("chatgpt", path)
    assert dict(tally.skipped) == {"too_deep": 1}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of a process from that of its parent")
def test_memory_does_not_grow_with_the_export(tmp_path: Path) -> None:
    path = tmp_path / "conversations.json"
    written = write_large(path, 120_000_000)  # more than it may take, even as the bytes of the file
    cost = read_large(path, "signal_only")
    assert (cost.conversations, cost.answers) == written
    assert cost.peak_mib < 100
