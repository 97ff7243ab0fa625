"""The whole stack, real: up, status, up again, a killed child, up, down, and nothing left."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from pipelines.stack.paths import REPOSITORY
from tests.conftest import link_jars
from tests.ports import free_port

pytestmark = [pytest.mark.integration, pytest.mark.slow]

FEEDWHEEL = Path(sys.executable).with_name("feedwheel")


@pytest.fixture
def home(tmp_path):
    link_jars(tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def feedwheel(home):
    """Run a command of a stack on ports of its own, ended with the test; gives exit code and JSON."""
    first = free_port(7)
    names = {"KAFKA": 0, "MLFLOW": 2, "SERVING": 3, "AIRFLOW": 4}
    ports = {f"FEEDWHEEL_{name}_PORT": str(first + above) for name, above in names.items()}
    environment = {**os.environ, **ports, "FEEDWHEEL_HOME": str(home), "PATH": path_without_environment()}

    def run(*arguments):
        done = subprocess.run(
            [FEEDWHEEL, *arguments, "--json"], env=environment, cwd=REPOSITORY, capture_output=True, text=True
        )
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    yield run
    run("down")


def path_without_environment():
    """As for who runs `make run` without activating anything."""
    ours = str(FEEDWHEEL.parent)
    return os.pathsep.join(folder for folder in os.environ["PATH"].split(os.pathsep) if folder != ours)


def rows(report):
    return {row["name"]: row for row in report["services"]}


def outcomes(report):
    return {row["name"]: row["outcome"] for row in report["services"]}


def processes_of(home):
    """Every process of this user that was started for `home`, in whatever session."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("FEEDWHEEL_HOME") == str(home) and process.pid != os.getpid():
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.mark.timeout(600)
def test_life_of_a_stack(feedwheel, home):
    names = {"kafka", "mlflow", "serving", "collector", "airflow"}

    code, report = feedwheel("up")
    assert (code, outcomes(report)) == (0, dict.fromkeys(names, "started"))

    code, report = feedwheel("status")
    before = rows(report)
    assert code == 0
    assert {before[name]["state"] for name in names} == {"ready"}

    dags = httpx.get(f"{before['airflow']['address']}/api/v2/monitor/health").json()
    assert dags["scheduler"]["status"] == "healthy"

    code, report = feedwheel("up")
    assert (code, outcomes(report)) == (0, dict.fromkeys(names, "already running"))

    os.kill(before["mlflow"]["pid"], signal.SIGKILL)
    code, report = feedwheel("status")
    assert (code, rows(report)["mlflow"]["state"]) == (1, "died")

    code, report = feedwheel("up")
    assert (code, outcomes(report)) == (0, {**dict.fromkeys(names, "already running"), "mlflow": "started"})
    after = rows(feedwheel("status")[1])
    assert after["kafka"]["pid"] == before["kafka"]["pid"]

    code, report = feedwheel("down")
    assert (code, set(report["ended"])) == (0, names)
    assert processes_of(home) == []
    sessions = {row["pid"] for row in (*before.values(), *after.values()) if row["pid"]}
    assert not [process for process in psutil.process_iter() if _session(process) in sessions]
    assert {rows(feedwheel("status")[1])[name]["state"] for name in names} == {"stopped"}


def _session(process):
    try:
        return os.getsid(process.pid)
    except ProcessLookupError:
        return None


def test_two_stacks_cannot_share_a_port(feedwheel, home, tmp_path):
    code, report = feedwheel("up", "kafka")
    assert code == 0
    port = report["services"][0]["address"].rpartition(":")[2]
    link_jars(tmp_path / "other")
    other = {**os.environ, "FEEDWHEEL_HOME": str(tmp_path / "other"), "FEEDWHEEL_KAFKA_PORT": port}
    done = subprocess.run([FEEDWHEEL, "up", "kafka"], env=other, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 1
    message = " ".join(done.stderr.split())  # it is wrapped to the width of a terminal
    assert f"kafka cannot have port {port}, which java (pid " in message
    assert "set FEEDWHEEL_KAFKA_PORT to a free port" in message


def test_given_kafka_is_used_and_left_alone(kafka, tmp_path):
    environment = {
        **os.environ,
        "FEEDWHEEL_HOME": str(tmp_path / "home"),
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap,
    }

    def run(command):
        done = subprocess.run(
            [FEEDWHEEL, *command, "--json"], env=environment, cwd=REPOSITORY, capture_output=True, text=True
        )
        return json.loads(done.stdout)

    assert outcomes(run(["up", "kafka"])) == {"kafka": "external"}
    assert rows(run(["status"]))["kafka"]["state"] == "external"
    assert run(["down"])["ended"] == []
    assert rows(run(["status"]))["kafka"]["state"] == "external"
