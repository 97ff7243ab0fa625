"""`feedwheel erase` against a real broker: from the wish of a person to tables without their words."""

import json

import pytest
import typer
from typer.testing import CliRunner

from pipelines import extract, ingest
from pipelines.cli import imports, privacy
from pipelines.context import Context
from pipelines.silver import current_revisions, rows_of
from schemas.errors import CheckFailed
from tests.exports import chatgpt_files, write_zip
from tests.ports import free_port

pytestmark = pytest.mark.integration


@pytest.fixture
def feedwheel(context, own_kafka, monkeypatch):
    """Run a command line on a lake of its own."""
    ctx = context(kafka_bootstrap_servers=own_kafka.bootstrap)
    monkeypatch.setattr(Context, "load", lambda: ctx)
    app = typer.Typer()
    for commands in (imports, privacy):
        commands.register(app)

    def run(*arguments, **fields):
        return CliRunner().invoke(app, arguments, catch_exceptions=False, **fields)

    run.context = ctx
    return run


def texts(ctx):
    turns = rows_of(ctx.lake, "silver/turns", "routing", current_revisions(ctx.lake, "routing"))
    return [turn["output"] for turn in turns.to_pylist() if turn["output"]]


def test_a_person_is_erased_once_and_for_all(feedwheel, tmp_path):
    ctx = feedwheel.context
    path = write_zip(tmp_path / "export.zip", chatgpt_files())
    assert feedwheel("import", "chatgpt", str(path), "--user", "ann").exit_code == 0
    ingest.run(ctx)
    extract.run(ctx, "routing")
    assert len(texts(ctx)) == 3
    assert feedwheel("erase", "--user", "bob").exit_code == CheckFailed.exit_code
    refused = feedwheel("erase", "--user", "ann", input="n\n")
    assert (refused.exit_code, len(texts(ctx))) == (1, 3)
    receipt = json.loads(feedwheel("erase", "--user", "ann", "--json").stdout)
    assert (receipt["people"], receipt["conversations"], receipt["not_extracted"]) == (1, 1, 0)
    assert receipt["rows"]["bronze/generations"] == 3
    assert texts(ctx) == []
    held = json.loads(feedwheel("privacy", "report", "--user", "ann", "--content", "--json").stdout)
    assert (held["texts"], len(held["erasures_asked"])) == ([], 1)
    again = json.loads(feedwheel("erase", "--user", held["person"], "--json").stdout)  # by their key, too
    assert sum(again["rows"].values()) == 0


def test_nobody_is_erased_while_kafka_is_away(feedwheel, tmp_path, monkeypatch):
    ctx = feedwheel.context
    assert feedwheel("import", "chatgpt", str(write_zip(tmp_path / "e.zip", chatgpt_files())), "--user", "ann")
    ingest.run(ctx)
    access = type(ctx.settings.kafka)(f"127.0.0.1:{free_port()}")
    monkeypatch.setattr(type(ctx.settings), "kafka", access)
    result = feedwheel("erase", "--user", "ann", "--yes")
    assert result.exit_code == 1
    assert "run this again" in " ".join(result.output.split())
