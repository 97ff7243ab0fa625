"""The commands of the stack as a shell sees them: output, JSON, exit codes."""

import json

import pytest
import typer
from typer.testing import CliRunner

from pipelines.cli import stack as commands
from pipelines.stack import doctor, stack
from pipelines.stack import status as status_module
from pipelines.stack.process import Background
from tests.unit.stack.conftest import DIES


@pytest.fixture
def feedwheel(home, monkeypatch, service):
    """Run a command over two small services: `feedwheel("up", "kafka")`."""
    monkeypatch.setenv("FEEDWHEEL_HOME", str(home))
    made = {"kafka": service(name="kafka"), "mlflow": service(name="mlflow")}
    for module in (stack, status_module, doctor):
        monkeypatch.setattr(module, "services", lambda _: made)
    app = typer.Typer()
    commands.register(app)

    def run(*arguments, **replaced):
        made.update({name: service(name=name, **fields) for name, fields in replaced.items()})
        return CliRunner().invoke(app, arguments)

    return run


def test_up_prints_a_line_for_each_service_and_down_ends_them(feedwheel):
    result = feedwheel("up")
    assert result.exit_code == 0
    assert "secrets generated" in result.output
    assert [line.split()[:2] for line in result.output.splitlines()[-2:]] in (
        [["kafka", "started"], ["mlflow", "started"]],
        [["mlflow", "started"], ["kafka", "started"]],
    )
    assert "already running" in feedwheel("up", "mlflow").output
    result = feedwheel("down")
    assert sorted(result.output.splitlines()) == ["kafka     ended", "mlflow    ended"]
    assert feedwheel("down").output == "nothing was running\n"


def test_json_is_one_object_and_progress_goes_elsewhere(feedwheel):
    report = json.loads(feedwheel("up", "kafka", "--json").stdout)
    assert [(it["name"], it["outcome"]) for it in report["services"]] == [("kafka", "started")]
    rows = {row["name"]: row for row in json.loads(feedwheel("status", "--json").stdout)["services"]}
    assert (rows["kafka"]["state"], rows["mlflow"]["state"]) == ("ready", "stopped")
    assert json.loads(feedwheel("down", "--json").stdout)["ended"] == ["kafka"]
    assert {"check", "level", "found", "advice"} == json.loads(feedwheel("doctor", "--json").stdout)["findings"][
        0
    ].keys()


def test_status_exits_1_when_what_should_run_does_not(feedwheel, home):
    assert feedwheel("status").exit_code == 0
    feedwheel("up")
    Background(home, "kafka").kill()
    result = feedwheel("status")
    assert result.exit_code == 1
    assert "`feedwheel up kafka` starts it again" in result.output


def test_up_that_fails_exits_1_and_says_why(feedwheel):
    result = feedwheel("up", "kafka", kafka={"program": DIES})
    assert result.exit_code == 1
    assert "cannot open the frobnicator" in " ".join(result.output.split())


def test_doctor_exits_1_if_something_will_not_work(feedwheel, monkeypatch, tmp_path):
    assert feedwheel("doctor").exit_code == 0
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    result = feedwheel("doctor")
    assert result.exit_code == 1
    assert "install Java 17" in result.output


@pytest.mark.parametrize(
    "arguments", [("up", "zookeeper"), ("down", "zookeeper"), ("status", "--app", "nobody"), ("up", "--app", "nobody")]
)
def test_bad_usage_exits_2(feedwheel, arguments):
    result = feedwheel(*arguments)
    assert result.exit_code == 2
    assert arguments[-1] in result.output
