"""The local Airflow: `standalone` on SQLite, everybody an administrator, its pages for this machine only.

Its two servers of task logs listen on every interface, which Airflow has no setting for; they ask for a signed token.

Ready means that scheduler, triggerer and DAG processor are healthy and that every file of dags/ gave its DAGs without
an import error.
"""

import ast
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelines.settings import Settings
from pipelines.stack.environment import environment
from pipelines.stack.paths import DAGS, REPOSITORY
from pipelines.stack.probe import http_json
from pipelines.stack.process import Background, Launch
from pipelines.stack.service import Port, Service
from schemas.errors import InfrastructureError

_PARALLEL_TASKS = 4
"""LocalExecutor keeps so many idle workers, 140 MB each; by default 32."""

_PARSE_EVERY_S = 300
"""Every 30 s, as by default, parsing unchanged files took a fifth of a core."""


def airflow_service(settings: Settings) -> Service:
    """The Airflow of this deployment. Its two log servers listen one and two ports above it."""
    home, port, setting = settings.home.absolute() / "airflow", settings.airflow_port, "FEEDWHEEL_AIRFLOW_PORT"
    # Who points Airflow's own commands at the local one has not given us another.
    given = settings.airflow_home is not None and settings.airflow_home.absolute() != home

    def prepare() -> Launch:
        home.mkdir(parents=True, exist_ok=True)
        return Launch(
            (sys.executable, "-m", "airflow", "standalone"), environment(settings) | airflow_environment(home, port)
        )

    return Service(
        name="airflow",
        address=settings.airflow,
        given_by="AIRFLOW_HOME" if given else None,
        ports=(Port(port, setting), *(Port(port + above, f"{setting} (its logs', {above} above)") for above in (1, 2))),
        prepare=prepare,
        awaits=lambda: awaits_health(settings.airflow) or (None if given else _awaits_dags(settings)),
        timeout_s=360,  # 26 s alone, of which migrating the new database 9 s
    )


def airflow_environment(home: Path, port: int) -> dict[str, str]:
    """Airflow's own configuration, which it reads from variables AIRFLOW__SECTION__KEY."""
    options = {
        "api__host": "127.0.0.1",
        "api__port": port,
        "core__auth_manager": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
        "core__simple_auth_manager_all_admins": True,
        "core__dags_folder": DAGS,
        "core__dags_are_paused_at_creation": False,
        "core__execution_api_server_url": f"http://127.0.0.1:{port}/execution/",
        "core__executor": "LocalExecutor",
        "core__load_examples": False,
        "core__parallelism": _PARALLEL_TASKS,
        "dag_processor__min_file_process_interval": _PARSE_EVERY_S,
        "database__sql_alchemy_conn": f"sqlite:///{home / 'airflow.db'}",
        "logging__worker_log_server_port": port + 1,
        "logging__trigger_log_server_port": port + 2,
    }
    variables = {f"AIRFLOW__{name}".upper(): str(value) for name, value in options.items()}
    path = os.pathsep.join(filter(None, (str(REPOSITORY), os.environ.get("PYTHONPATH"))))
    return variables | {"AIRFLOW_HOME": str(home), "PYTHONPATH": path}


def awaits_health(address: str) -> str | None:
    """None if every component is healthy, else which are not."""
    health = http_json(f"{address}/api/v2/monitor/health")
    if not isinstance(health, dict):
        return f"no answer at {address}"
    unhealthy = [name for name, part in health.items() if part.get("status") != "healthy"]
    return f"not healthy: {', '.join(unhealthy)}" if unhealthy else None


def _awaits_dags(settings: Settings) -> str | None:
    started = Background(settings.home, "airflow").started()
    since = datetime.fromtimestamp(started.created if started else 0.0, UTC)
    return awaits_dags(settings.airflow, since)


def awaits_dags(address: str, since: datetime) -> str | None:
    """None once every DAG file is parsed, else which are not; what the database knows from before `since` is old.

    Raises InfrastructureError if a file cannot be imported.
    """
    token = http_json(f"{address}/auth/token")
    headers = {"Authorization": f"Bearer {token['access_token']}"} if token else {}
    for error in _list(address, "importErrors", "import_errors", headers):
        if _time(error["timestamp"]) > since:
            raise InfrastructureError(f"{error['filename']} cannot be imported: {error['stack_trace'][-500:]}")
    dags = _list(address, "dags", "dags", headers)
    parsed = {dag["relative_fileloc"] for dag in dags if _time(dag["last_parsed_time"]) > since}
    unparsed = [path.name for path in dag_files(DAGS) if path.relative_to(DAGS).as_posix() not in parsed]
    return f"not parsed yet: {', '.join(unparsed)}" if unparsed else None


def _list(address: str, path: str, field: str, headers: dict[str, str]) -> list[Any]:
    answer = http_json(f"{address}/api/v2/{path}?limit=100", headers)
    return list(answer[field]) if answer else []


def _time(text: str | None) -> datetime:
    return datetime.fromisoformat(text) if text else datetime.fromtimestamp(0.0, UTC)


def dag_files(folder: Path) -> list[Path]:
    """Files that make a DAG: they call `dag` or `DAG`, as a decorator or by name."""
    return [path for path in sorted(folder.rglob("*.py")) if _makes_dag(path.read_text(encoding="utf-8"))]


def _makes_dag(source: str) -> bool:
    calls = (node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return any(isinstance(called, ast.Name) and called.id in ("dag", "DAG") for called in calls)
