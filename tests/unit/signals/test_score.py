import json

import pytest
import typer
from typer.testing import CliRunner

from pipelines.cli import signals

app = typer.Typer()
signals.register(app)

GOOD = {
    "conversation_id": "c1",
    "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}],
}


@pytest.fixture
def score(tmp_path):
    """Run `feedwheel score` on lines; returns exit code, printed text and output lines."""

    def run(*lines, arguments=("--json",)):
        source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
        source.write_bytes(b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines))
        result = CliRunner().invoke(app, ["score", "--input", str(source), "--output", str(target), *arguments])
        return result.exit_code, result.stdout, [json.loads(line) for line in target.read_text().splitlines()]

    return run


def test_one_score_per_line_in_order(score):
    code, printed, results = score(GOOD, {**GOOD, "conversation_id": "c2"})
    assert (code, json.loads(printed)) == (0, {"scored": 2, "bad_lines": [], "unread_languages": 0})
    assert [result["conversation_id"] for result in results] == ["c1", "c2"]
    assert set(results[0]) == {"conversation_id", "satisfaction", "turns"}
    assert set(results[0]["turns"][1]) == {"index", "role", "p_dissatisfied", "signals"}


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"{not json", "JSON is malformed"),
        (b'{"conversation_id": "\xff"}', "invalid"),
        ({"messages": []}, "missing required field"),
        ({"conversation_id": "c", "messages": [{"role": "secret words", "content": "x"}]}, "Invalid enum value"),
        ({"conversation_id": "c", "messages": [{"role": "user", "content": None}]}, "Expected"),
        ({**GOOD, "events": [{"kind": "thumbs", "about": 1}]}, "lacks rating, scale"),
        ({**GOOD, "events": [{"kind": "stop", "about": 0}]}, "no answer of the assistant"),
        (b'{"conversation_id":' + b"[" * 100_000, ""),
    ],
    ids=["no JSON", "no UTF-8", "no id", "role", "no text", "value", "about", "bomb"],
)
def test_a_bad_line_has_its_number_and_stops_nothing(score, line, error):
    code, printed, results = score(GOOD, line, GOOD)
    assert (code, json.loads(printed)) == (1, {"scored": 2, "bad_lines": [2], "unread_languages": 0})
    assert results[1]["line"] == 2
    assert error in results[1]["error"]
    assert "secret" not in results[1]["error"]
    assert [set(results[n]) for n in (0, 2)] == [{"conversation_id", "satisfaction", "turns"}] * 2


def test_empty_lines_are_no_conversations(score):
    assert score(GOOD, b"", b"  ")[0] == 0


def test_a_missing_file_is_bad_usage(tmp_path):
    arguments = ["score", "--input", str(tmp_path / "gone"), "--output", str(tmp_path / "out")]
    assert CliRunner().invoke(app, arguments).exit_code == 2
