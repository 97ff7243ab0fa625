"""The commands of bronze as a person and as a script meet them: output, JSON, exit codes."""

import json

import pyarrow.compute as pc
import pytest
import typer
from typer.testing import CliRunner

from pipelines.cli import ingest as commands
from pipelines.io.lake import Lake
from tests.conftest import TEST_SECRETS
from tests.ports import free_port
from tests.topics import create_topic, generations, produce

pytestmark = pytest.mark.integration

TOPIC = '[topics."{topic}"]\nmaps_to = "feedwheel.generations"\ntrusted = true\n'


@pytest.fixture
def topic(kafka, context, tmp_path, monkeypatch):
    """A topic with two events and a broken one, and an environment that ingests only it."""
    name = create_topic(kafka.bootstrap)
    produce(kafka.bootstrap, name, [*generations(2), b"\x1b[31mnot json [/]"])
    shipped = context().settings.config_path.read_text(encoding="utf-8")
    ours, _, rest = shipped.partition('[topics."')
    config = tmp_path / "feedwheel.toml"
    config.write_text(
        ours + TOPIC.format(topic=name) + "[extraction]" + rest.partition("[extraction]")[2], encoding="utf-8"
    )
    for key, value in TEST_SECRETS.items():
        monkeypatch.setenv(f"FEEDWHEEL_{key.upper()}", value)
    monkeypatch.setenv("FEEDWHEEL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FEEDWHEEL_CONFIG_PATH", str(config))
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap)
    return name


@pytest.fixture
def feedwheel():
    """Run a command line; its result has exit_code and stdout."""
    app = typer.Typer()
    commands.register(app)
    return lambda *arguments: CliRunner().invoke(app, arguments, catch_exceptions=False)


def test_ingest_then_nothing_to_do(topic, feedwheel):
    first = feedwheel("ingest", "--json")
    assert first.exit_code == 0
    report = json.loads(first.stdout)
    assert (report["accepted"], report["rejected"]) == ({"routing": 2}, {"not_json": 1})
    second = feedwheel("ingest")
    assert (second.exit_code, second.stdout) == (0, "Nothing to do: every topic is ingested to its end\n")


def test_reconcile_exits_1_and_names_the_partition(topic, feedwheel, tmp_path):
    feedwheel("ingest")
    exact = feedwheel("reconcile", "--json")
    assert (exact.exit_code, json.loads(exact.stdout)["exact"]) == (0, True)
    lake = Lake(str(tmp_path / "home" / "lake"))
    lake.append("bronze/generations", lake.read("bronze/generations", where=pc.field("offset") == 1))
    broken = feedwheel("reconcile")
    assert broken.exit_code == 1
    assert f"{topic}[0]" in broken.stderr.replace("\n", "")
    assert json.loads(feedwheel("reconcile", "--json").stdout)["exact"] is False


def test_reconcile_exits_3_where_kafka_could_not_be_asked(topic, feedwheel, monkeypatch):
    feedwheel("ingest")
    asked = feedwheel("reconcile", "--verify-gaps")
    assert (asked.exit_code, "Exact: 3 ingested offsets" in asked.stdout) == (0, True)
    away = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", away)
    half = feedwheel("reconcile")
    assert half.exit_code == 3
    assert "Exact: 3 ingested offsets" in half.stdout
    assert f"NOT CHECKED against Kafka: nothing listens at {away}" in half.stdout
    as_json = feedwheel("reconcile", "--json")
    assert (as_json.exit_code, json.loads(as_json.stdout)["exact"]) == (3, True)


def test_dead_letters_from_list_to_replay(topic, feedwheel):
    feedwheel("ingest")
    (letter,) = json.loads(feedwheel("dlq", "list", "--json").stdout)["letters"]
    assert feedwheel("dlq", "list").exit_code == 0
    assert json.loads(feedwheel("dlq", "show", letter["key"], "--json").stdout)["text"] is None
    shown = feedwheel("dlq", "show", letter["key"], "--payload")
    assert "\\x1b[31mnot json [/]" in shown.stdout
    assert json.loads(feedwheel("dlq", "replay", "--dry-run", "--json").stdout)["replayed"] == 0
    assert json.loads(feedwheel("dlq", "replay", "--reason", "not_json", "--json").stdout)["replayed"] == 1
    feedwheel("ingest")
    assert len(json.loads(feedwheel("dlq", "list", "--json").stdout)["letters"]) == 2
    later = feedwheel("dlq", "list", "--since", "2999-01-01", "--json")
    assert json.loads(later.stdout)["letters"] == []


def test_bad_usage_exits_2(topic, feedwheel):
    assert feedwheel("dlq", "show", "nonsense").exit_code == 2
    assert feedwheel("ingest", "--app", "unknown").exit_code == 2
    assert feedwheel("ingest", "--range-offsets", "0").exit_code == 2
    assert feedwheel("ingest", "--runner", "spark").exit_code == 2
    nowhere = feedwheel("ingest", "--runner", "flink")
    assert nowhere.exit_code == 2
    assert "set FEEDWHEEL_FLINK_JOB_ENDPOINT" in nowhere.stderr.replace("\n", " ")
