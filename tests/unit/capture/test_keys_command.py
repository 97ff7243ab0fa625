"""`feedwheel keys`, as an operator uses it."""

import json

import pytest
from typer.testing import CliRunner

from feedback.capture.collector.keys import KeyRing
from pipelines.cli.main import app
from tests.conftest import REPOSITORY


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("FEEDWHEEL_HOME", str(tmp_path))
    monkeypatch.setenv("FEEDWHEEL_CONFIG_PATH", str(REPOSITORY / "feedwheel.toml"))
    return lambda *words: CliRunner().invoke(app, ["keys", *words])


def test_a_key_is_shown_once_listed_without_itself_and_revoked(run, tmp_path):
    key = json.loads(run("create", "--rate", "50", "--json").stdout)["key"]
    ring = KeyRing(tmp_path / "collector" / "keys.json")
    ring.refresh()
    found = ring.check(key)
    assert (found.app, found.events_per_s) == ("routing", 50)
    listed = run("list").stdout
    assert found.id in listed
    assert "valid" in listed
    assert key.split("_", 2)[2] not in listed
    assert run("revoke", found.id).exit_code == 0
    ring.refresh()
    assert ring.check(key) is None
    assert "revoked" in run("list").stdout
    again = run("revoke", found.id)
    assert (again.exit_code, "no valid key" in again.output) == (2, True)


def test_an_unknown_application_gets_no_key(run):
    made = run("create", "--app", "nobody")
    assert (made.exit_code, "no application 'nobody'" in made.output) == (2, True)
