"""The DAGs as Airflow sees them: they parse, chain by assets, hold nothing that changes, and end as the design says."""

import json
import subprocess
import sys
from typing import Any

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.slow]

DESCRIBE = """
import json
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization
def parse():
    bag = DagBag(dag_folder="{dags}")
    assert not bag.import_errors, bag.import_errors
    return {{dag_id: DagSerialization.to_dict(dag) for dag_id, dag in bag.dags.items()}}
first, second = parse(), parse()
for version in (first, second):
    for dag in version.values():
        dag["dag"].pop("fileloc", None)
print(json.dumps({{"same": first == second, "dags": first}}, default=str))
"""


def run_python(code: str, environment: dict[str, str]) -> str:
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="session")
def described(airflow_environment: dict[str, str]) -> dict[str, Any]:
    code = DESCRIBE.format(dags=airflow_environment["AIRFLOW__CORE__DAGS_FOLDER"])
    result: dict[str, Any] = json.loads(run_python(code, airflow_environment).splitlines()[-1])
    return result


def test_parsing_twice_gives_the_same_dags(described: dict[str, Any]) -> None:
    assert described["same"]


def test_each_task_is_a_stage_in_its_order(described: dict[str, Any]) -> None:
    tasks = {
        name: [task["__var"]["task_id"] for task in dag["dag"]["tasks"]] for name, dag in described["dags"].items()
    }
    assert tasks == {
        "feedwheel_ingest": ["ingest"],
        "feedwheel_maintain": ["maintain"],
        "feedwheel_signals_routing": ["extract", "validate", "privacy"],
        "feedwheel_dataset_routing": ["curate", "dataset", "calibrate"],
        "feedwheel_retrain_routing": ["train", "evaluate", "release"],
        "feedwheel_waive_routing": ["validate"],
    }


def test_every_dag_tells_the_operator_what_to_do(described: dict[str, Any]) -> None:
    for name, dag in described["dags"].items():
        assert "**" in dag["dag"]["doc_md"], name
        assert dag["dag"]["max_active_runs"] == 1, name
        assert dag["dag"]["catchup"] is False, name


OUTCOMES = [
    # stage that fails, its error, states of extract, validate and privacy, of the run, calls of the failing stage
    ("none", "NothingToDo", ["success", "success", "success"], "success", 0),
    ("extract", "NothingToDo", ["skipped", "skipped", "success"], "success", 1),
    ("validate", "Inconclusive", ["success", "skipped", "success"], "success", 1),
    ("validate", "GateRefused", ["success", "failed", "success"], "failed", 1),
    ("extract", "InfrastructureError", ["failed", "upstream_failed", "upstream_failed"], "failed", 3),
    ("privacy", "NothingToDo", ["success", "success", "skipped"], "success", 1),
    ("privacy", "InfrastructureError", ["success", "success", "failed"], "failed", 3),
]

RUN_WITH_OUTCOMES = """
import json
from datetime import timedelta
from unittest.mock import patch
import schemas.errors as errors
from airflow.dag_processing.dagbag import DagBag
dag = DagBag(dag_folder="{dags}").dags["feedwheel_signals_routing"]
for task in dag.tasks:
    task.retry_delay = timedelta(0)
def run(failing, error):
    calls = []
    def outcome(stage, app):
        if stage == failing:
            calls.append(stage)
            raise getattr(errors, error)("as the test wants it")
        return {{"app": app, "stage": stage}}
    with patch("pipelines.entry.run_stage", outcome):
        run = dag.test()
    states = {{task.task_id: str(task.state) for task in run.get_task_instances()}}
    return [[states[task] for task in ("extract", "validate", "privacy")], str(run.state), len(calls)]
print("RESULT", json.dumps([run(failing, error) for failing, error in {cases}]))
"""


@pytest.fixture(scope="session")
def outcomes(airflow_environment: dict[str, str]) -> list[list[Any]]:
    cases = [(failing, error) for failing, error, *_ in OUTCOMES]
    code = RUN_WITH_OUTCOMES.format(dags=airflow_environment["AIRFLOW__CORE__DAGS_FOLDER"], cases=cases)
    (line,) = [line for line in run_python(code, airflow_environment).splitlines() if line.startswith("RESULT")]
    result: list[list[Any]] = json.loads(line.removeprefix("RESULT"))
    return result


@pytest.mark.parametrize("case", range(len(OUTCOMES)), ids=[f"{failing}-{error}" for failing, error, *_ in OUTCOMES])
def test_an_outcome_means_to_airflow_what_the_design_says(outcomes: list[list[Any]], case: int) -> None:
    _, _, states, run_state, calls = OUTCOMES[case]
    assert outcomes[case] == [states, run_state, calls]


WAIVE = """
import json
from unittest.mock import patch
from airflow.dag_processing.dagbag import DagBag
dag = DagBag(dag_folder="{dags}").dags["feedwheel_waive_routing"]
said = []
with patch("pipelines.entry.run_stage", lambda stage, app, **options: said.append([stage, app, options])):
    run = dag.test(run_conf={{"waive": "an import of old conversations"}})
print("RESULT", json.dumps([str(run.state), said]))
"""


def test_a_waiver_takes_its_reason_and_who_gave_it_to_the_stage(airflow_environment: dict[str, str]) -> None:
    code = WAIVE.format(dags=airflow_environment["AIRFLOW__CORE__DAGS_FOLDER"])
    (line,) = [line for line in run_python(code, airflow_environment).splitlines() if line.startswith("RESULT")]
    state, said = json.loads(line.removeprefix("RESULT"))
    reason = {"waive": "an import of old conversations", "by": "dag_test"}
    assert (state, said) == ("success", [["validate", "routing", reason]])
