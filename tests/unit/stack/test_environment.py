from pathlib import Path

import pytest

from pipelines.settings import Settings
from pipelines.stack.environment import environment


@pytest.fixture
def child(monkeypatch, tmp_path):
    """The settings that a child process would load, in another directory."""

    def load(settings):
        for name, value in environment(settings).items():
            monkeypatch.setenv(name, value)
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        return Settings.load()

    return load


def test_child_sees_the_same_settings_with_absolute_paths(child, tmp_path):
    ours = Settings(
        home=Path("home"),
        config_path=Path("feedwheel.toml"),
        kafka_port=1234,
        lake="lake",
        user_key_layers="one,two",
        split_key="split",
        payload_key="payload",
    )
    theirs = child(ours)
    assert theirs.home == tmp_path / "home"
    assert theirs.config_path == tmp_path / "feedwheel.toml"
    assert theirs.lake == str(tmp_path / "lake")
    assert theirs.user_keys == ("one", "two")
    same = Settings.model_fields.keys() - {"home", "config_path", "lake"}
    assert {name: getattr(theirs, name) for name in same} == {name: getattr(ours, name) for name in same}


def test_what_is_not_given_is_not_set(tmp_path):
    variables = environment(Settings(home=tmp_path))
    assert variables.keys().isdisjoint({"KAFKA_BOOTSTRAP_SERVERS", "MLFLOW_TRACKING_URI", "FEEDWHEEL_LAKE"})
    assert "None" not in variables.values()


def test_given_addresses_keep_their_names(tmp_path):
    given = Settings(home=tmp_path, kafka_bootstrap_servers="broker:9092", lake="s3://bucket/lake")
    variables = environment(given)
    assert variables["KAFKA_BOOTSTRAP_SERVERS"] == "broker:9092"
    assert variables["FEEDWHEEL_LAKE"] == "s3://bucket/lake"


def test_no_library_reports_usage(tmp_path):
    variables = environment(Settings(home=tmp_path))
    assert variables["GX_ANALYTICS_ENABLED"] == "false"
    assert variables["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert variables["RAY_USAGE_STATS_ENABLED"] == "0"
