"""The descriptions of the real services: ports, settings that give them, what Airflow must have parsed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.settings import Settings
from pipelines.stack import airflow
from pipelines.stack.stack import services, with_needs
from schemas.errors import InfrastructureError

SINCE = datetime(2026, 1, 5, 12, tzinfo=UTC)
BEFORE, AFTER = ((SINCE + timedelta(minutes=by)).isoformat() for by in (-1, 1))


def test_no_two_services_want_the_same_port(tmp_path):
    numbers = [port.number for service in services(Settings(home=tmp_path)).values() for port in service.ports]
    assert len(numbers) == len(set(numbers))


def test_own_services_are_given_by_nobody(tmp_path):
    assert {service.given_by for service in services(Settings(home=tmp_path)).values()} == {None}


@pytest.mark.parametrize(
    ("name", "given", "setting", "address"),
    [
        ("kafka", {"kafka_bootstrap_servers": "broker:9092"}, "KAFKA_BOOTSTRAP_SERVERS", "broker:9092"),
        ("mlflow", {"mlflow_tracking_uri": "http://there:5000"}, "MLFLOW_TRACKING_URI", "http://there:5000"),
        ("serving", {"serving_url": "http://there:8000"}, "FEEDWHEEL_SERVING_URL", "http://there:8000"),
        ("airflow", {"airflow_home": Path("/opt/airflow")}, "AIRFLOW_HOME", "http://127.0.0.1:28080"),
    ],
)
def test_service_given_by_a_setting(tmp_path, name, given, setting, address):
    service = services(Settings(home=tmp_path, **given))[name]
    assert (service.given_by, service.address) == (setting, address)


def test_pointing_airflow_at_our_own_home_gives_no_other(tmp_path):
    settings = Settings(home=tmp_path, airflow_home=tmp_path / "airflow")
    assert services(settings)["airflow"].given_by is None


def test_needs_are_included_once_and_come_first(tmp_path):
    every = services(Settings(home=tmp_path))
    assert [service.name for service in with_needs(every, ["serving", "kafka"])] == ["kafka", "serving"]
    assert [service.name for service in with_needs(every, ["airflow"])] == ["airflow"]


def test_tracking_without_a_server_awaits_nothing(tmp_path):
    settings = Settings(home=tmp_path, mlflow_tracking_uri=f"sqlite:///{tmp_path}/mlflow.db")
    assert services(settings)["mlflow"].awaits() is None


@pytest.fixture
def api(monkeypatch, tmp_path):
    """An Airflow API that answers what it is told, over a folder with one DAG file and one module."""
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "ingest.py").write_text("from airflow.sdk import DAG\nwith DAG('x'):\n    pass\n")
    (tmp_path / "dags" / "assets.py").write_text("DAG = 'not called'\n")
    monkeypatch.setattr(airflow, "DAGS", tmp_path / "dags")

    def answers(health="healthy", dags=(), errors=()):
        replies = {
            "/api/v2/monitor/health": {"scheduler": {"status": "healthy"}, "dag_processor": {"status": health}},
            "/auth/token": {"access_token": "t"},
            "/api/v2/importErrors?limit=100": {"import_errors": list(errors)},
            "/api/v2/dags?limit=100": {"dags": [{"relative_fileloc": f, "last_parsed_time": t} for f, t in dags]},
        }
        monkeypatch.setattr(airflow, "http_json", lambda url, headers=None: replies[url.removeprefix("http://a")])

    return answers


def test_airflow_is_ready_when_every_dag_file_was_parsed_since_the_start(api):
    api(dags=[("ingest.py", AFTER)])
    assert airflow.awaits_health("http://a") is None
    assert airflow.awaits_dags("http://a", SINCE) is None


@pytest.mark.parametrize("dags", [[], [("ingest.py", BEFORE)], [("ingest.py", None)], [("other.py", AFTER)]])
def test_airflow_is_not_ready_before(api, dags):
    api(dags=dags)
    assert airflow.awaits_dags("http://a", SINCE) == "not parsed yet: ingest.py"


def test_airflow_with_an_unhealthy_part(api):
    api(health="unhealthy")
    assert airflow.awaits_health("http://a") == "not healthy: dag_processor"


def test_dag_file_that_cannot_be_imported_is_an_error(api):
    api(errors=[{"filename": "ingest.py", "stack_trace": "NameError: x", "timestamp": AFTER}])
    with pytest.raises(InfrastructureError, match=r"ingest.py cannot be imported: NameError"):
        airflow.awaits_dags("http://a", SINCE)


def test_import_error_from_before_the_start_is_old_news(api):
    api(dags=[("ingest.py", AFTER)], errors=[{"filename": "ingest.py", "stack_trace": "", "timestamp": BEFORE}])
    assert airflow.awaits_dags("http://a", SINCE) is None


def test_the_repository_has_dag_files():
    assert "ingest.py" in [path.name for path in airflow.dag_files(airflow.DAGS)]
