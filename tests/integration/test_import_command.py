"""`feedwheel import` against a real broker, and on into silver: once and twice."""

import json

import pytest
import typer
from feedwheel_capture.access import KafkaAccess
from typer.testing import CliRunner

from feedback.capture.consumer import EventConsumer
from pipelines import extract, ingest
from pipelines.cli import imports as commands
from pipelines.silver import current_revisions, rows_of
from schemas.events import decode_any
from tests.conftest import TEST_SECRETS
from tests.exports import chatgpt_files, write_folder, write_zip
from tests.ports import free_port

pytestmark = pytest.mark.integration

TOPICS = ("feedwheel.generations", "feedwheel.feedback")


@pytest.fixture
def feedwheel(kafka, tmp_path, monkeypatch):
    """Run a command line in an environment of its own."""
    for key, value in TEST_SECRETS.items():
        monkeypatch.setenv(f"FEEDWHEEL_{key.upper()}", value)
    monkeypatch.setenv("FEEDWHEEL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap)
    app = typer.Typer()
    commands.register(app)
    return lambda *arguments: CliRunner().invoke(app, arguments, catch_exceptions=False)


def published(bootstrap: str) -> list:
    """Events of imports in both topics."""
    events = []
    with EventConsumer(KafkaAccess(bootstrap), TOPICS) as consumer:
        while records := consumer.poll(2) or (not consumer.at_end() and [None]):
            events += [decode_any(record.value) for record in records if record]
    return [event for event in events if event.source == "feedwheel/import/chatgpt"]


def test_an_export_is_published_once_and_again_with_the_same_ids(kafka, feedwheel, tmp_path):
    path = write_zip(tmp_path / "export.zip", chatgpt_files())
    dry = json.loads(feedwheel("import", "chatgpt", str(path), "--dry-run", "--json").stdout)
    assert (dry["answers"], dry["published"], published(kafka.bootstrap)) == (3, 0, [])
    result = feedwheel("import", "chatgpt", str(path), "--json")
    report = json.loads(result.stdout)
    assert (result.exit_code, report["conversations"], report["answers"], report["published"]) == (0, 1, 3, 8)
    assert report["feedback"] == {"comparison": 1, "complaint": 1, "share": 1, "thumbs": 2}
    once = published(kafka.bootstrap)
    assert len({event.id for event in once}) == len(once) == 8
    assert {event.data.app for event in once} == {"routing"}
    assert feedwheel("import", "chatgpt", str(path)).exit_code == 0
    twice = published(kafka.bootstrap)
    assert len(twice) == 16
    assert {event.id for event in twice} == {event.id for event in once}


def test_importing_again_adds_nothing_to_silver(own_kafka, feedwheel, tmp_path, context, monkeypatch):
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", own_kafka.bootstrap)
    path, ctx = (
        write_zip(tmp_path / "export.zip", chatgpt_files()),
        context(kafka_bootstrap_servers=own_kafka.bootstrap),
    )

    def silver() -> list:
        assert feedwheel("import", "chatgpt", str(path)).exit_code == 0
        ingest.run(ctx, "routing")
        extract.run(ctx, "routing")
        revisions = current_revisions(ctx.lake, "routing")
        found = [rows_of(ctx.lake, table, "routing", revisions) for table in ("silver/turns", "silver/signals")]
        return [rows.drop_columns(["revision"]).to_pylist() for rows in found]

    turns, signals = once = silver()
    assert (len(turns), len({turn["response_id"] for turn in turns})) == (3, 3)
    assert {signal["kind"] for signal in signals} >= {"comparison", "complaint", "share", "thumbs"}
    assert silver() == once
    assert ctx.lake.read("bronze/generations").num_rows == 6  # duplicates stay visible


def test_errors_have_their_exit_codes(feedwheel, tmp_path, monkeypatch):
    path = write_folder(tmp_path / "export", chatgpt_files())
    for arguments in (
        ("myspace", str(path)),
        ("chatgpt", str(tmp_path / "gone")),
        ("chatgpt", str(path), "--app", "x"),
    ):
        assert feedwheel("import", *arguments).exit_code == 2
    assert feedwheel("import", "chatgpt", str(path), "--consent", "perhaps").exit_code == 2
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", f"127.0.0.1:{free_port()}")
    down = feedwheel("import", "chatgpt", str(path))
    assert down.exit_code == 1
    assert "import again" in down.stderr
