import os
import shutil
from collections import namedtuple

import pytest

from pipelines.settings import Settings
from pipelines.stack import doctor
from pipelines.stack.paths import REPOSITORY
from pipelines.stack.process import Background
from pipelines.stack.secrets import ensure_secrets
from pipelines.stack.service import bring_up

GIB = 1024**3
Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize(("version", "level"), [((3, 10), "fail"), ((3, 11), "ok"), ((3, 13), "ok"), ((3, 14), "fail")])
def test_python(version, level):
    finding = doctor.python(version)
    assert finding.level == level
    assert (finding.advice != "") == (level == "fail")


@pytest.mark.parametrize(("free", "level"), [(1, "fail"), (5, "warn"), (20, "ok")])
def test_disk(tmp_path, monkeypatch, free, level):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100 * GIB, 0, free * GIB))
    assert doctor.disk(tmp_path / "not" / "yet").level == level


def test_cores_and_memory():
    assert [doctor.cores(count).level for count in (1, 2)] == ["warn", "ok"]
    assert [doctor.memory(size * GIB).level for size in (4, 16)] == ["warn", "ok"]


def test_missing_java_says_how_to_install_one(tmp_path):
    finding = doctor.java(tmp_path)
    assert finding.level == "fail"
    assert "install Java 17" in finding.advice


def test_home_that_cannot_be_written(tmp_path, monkeypatch):
    assert doctor.writable(tmp_path / "not" / "yet").level == "ok"
    # A file in place of the directory: even root cannot write below it.
    (tmp_path / "file").write_text("")
    finding = doctor.writable(tmp_path / "file")
    assert (finding.level, "FEEDWHEEL_HOME" in finding.advice) == ("fail", True)


@pytest.mark.parametrize("content", ["", "[apps", "[unknown]\nx = 1\n"])
def test_configuration_that_is_wrong(tmp_path, content):
    (tmp_path / "wrong.toml").write_text(content)
    finding = doctor.configuration(Settings(config_path=tmp_path / "wrong.toml"), "routing")
    assert finding.level == "fail"
    assert "wrong.toml" in finding.found


def test_configuration_without_the_application():
    settings = Settings(config_path=REPOSITORY / "feedwheel.toml")
    assert doctor.configuration(settings, "routing").level == "ok"
    assert doctor.configuration(settings, "nobody").level == "fail"


def test_secrets(tmp_path, monkeypatch):
    monkeypatch.setenv("FEEDWHEEL_HOME", str(tmp_path))
    assert doctor.secret_keys(Settings.load()).level == "warn"
    path = ensure_secrets(Settings.load())
    assert doctor.secret_keys(Settings.load()).level == "ok"
    path.chmod(0o644)
    assert doctor.secret_keys(Settings.load()).advice == f"chmod 600 {path}"
    path.write_text("FEEDWHEEL_SPLIT_KEY=x\n")
    finding = doctor.secret_keys(Settings.load())
    assert finding.level == "fail"
    assert "FEEDWHEEL_USER_KEY_LAYERS, FEEDWHEEL_PAYLOAD_KEY" in finding.found


def test_ports_free_own_given_and_taken(service, home, never):
    it = service()
    assert doctor.ports(it, home).level == "ok"
    bring_up(it, home, never)
    assert doctor.ports(it, home).found == "its own: mlflow is running"
    stranger = service(name="kafka", port=it.ports[0].number)
    finding = doctor.ports(stranger, home)
    assert finding.level == "fail"
    assert f"(pid {Background(home, 'mlflow').started().pid})" in finding.found
    assert finding.advice.startswith("set FEEDWHEEL_MLFLOW_PORT to a free port")
    assert doctor.ports(service(given_by="MLFLOW_TRACKING_URI"), home).level == "ok"


def test_onnx_runtime_is_asked_what_it_really_runs_on():
    finding = doctor.onnx_providers()
    assert finding.level == "ok"
    assert "CPUExecutionProvider" in finding.found


def test_nothing_is_left_behind(tmp_path):
    report = doctor.diagnose(Settings(home=tmp_path / "home", config_path=REPOSITORY / "feedwheel.toml"), "routing")
    assert os.listdir(tmp_path) == []
    assert {finding.check for finding in report.findings} >= {"python", "java", "disk", "secrets", "ports of kafka"}


def test_report_fails_if_any_check_does():
    fine, bad = doctor.Finding("a", "warn", ""), doctor.Finding("b", "fail", "")
    assert not doctor.DoctorReport((fine,)).failed
    assert doctor.DoctorReport((fine, bad)).failed
