"""`feedwheel dedup`: what comes out for every line, and which line is kept, whatever the order."""

import json
import random

import pytest
from typer.testing import CliRunner

from pipelines.cli.main import app

LONG = "My new card was sent two weeks ago to the old address and I still have not seen it anywhere"
ALIKE = (LONG, LONG.upper() + "!!", LONG.replace("seen", "sen"), f"Hello there, {LONG}. Thanks!")
OTHERS = (
    "Where is my card?",
    "I lost my wallet",
    "👍",
    "🙂",
    "Please send 50 euros to Ann now",
    "Please send 80 euros to Ann now",
)


@pytest.fixture
def dedup(tmp_path):
    def run(lines, *options):
        source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
        source.write_text(
            "".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines), "utf-8"
        )
        result = CliRunner().invoke(app, ["dedup", "--input", str(source), "--output", str(target), "--json", *options])
        return result, [json.loads(line) for line in target.read_text("utf-8").splitlines()] if target.exists() else []

    return run


def documents(texts):
    return [{"id": f"d{place}", "text": text} for place, text in enumerate(texts)]


def test_what_is_alike_is_one_cluster_of_which_one_is_kept(dedup):
    result, lines = dedup(documents([*ALIKE, *OTHERS]))
    assert [line["id"] for line in lines] == [f"d{place}" for place in range(10)]
    assert len({line["cluster"] for line in lines[:4]}) == 1
    assert len({line["cluster"] for line in lines}) == 7
    assert sum(line["kept"] for line in lines[:4]) == 1
    assert all(line["kept"] for line in lines[4:])
    assert json.loads(result.stdout) == {"bad_lines": [], "documents": 10, "duplicates": 3, "kept": 7}
    assert result.exit_code == 0


def test_the_order_of_the_lines_changes_nothing(dedup):
    given = documents([*ALIKE, *ALIKE, *OTHERS])
    expected = {line["id"]: line for line in dedup(given)[1]}
    for seed in range(3):
        random.Random(seed).shuffle(given)
        lines = dedup(given)[1]
        assert [line["id"] for line in lines] == [document["id"] for document in given]
        assert {line["id"]: line for line in lines} == expected


def test_a_bad_line_has_a_line_of_its_own_and_the_others_are_placed(dedup):
    good = json.dumps({"id": 7, "text": "my secret"}) + "\n"
    result, lines = dedup(['{"id": "a"}\n', good, "\n", '{"id": "b", "text": "my secret"\n', good, "[]\n"])
    assert [line.get("line") for line in lines] == [1, None, 4, None, 6]
    assert [line.get("id") for line in lines] == [None, 7, None, 7, None]
    assert "secret" not in json.dumps(lines)
    assert [line["kept"] for line in lines if "kept" in line] == [True, False]
    assert json.loads(result.stdout)["bad_lines"] == [1, 4, 6]
    assert result.exit_code == 1


@pytest.mark.parametrize("texts", [[], [""], ["", "", " "], ["a"], ["👍"] * 3, ["x" * 1_000_000] * 2])
def test_inputs_at_the_edges(dedup, texts):
    result, lines = dedup(documents(texts))
    assert result.exit_code == 0
    assert len(lines) == len(texts)
    assert sum(line["kept"] for line in lines) == len({line["cluster"] for line in lines}) == (1 if texts else 0)


def test_files_that_cannot_be_read_are_named(dedup, tmp_path):
    missing = tmp_path / "missing.jsonl"
    result = CliRunner().invoke(app, ["dedup", "--input", str(missing), "--output", str(tmp_path / "out.jsonl")])
    assert result.exit_code == 2
    assert "missing.jsonl" in result.stderr
