"""Airflow over its REST API: start a DAG and follow what it sets off, DAG by DAG along the assets."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

import httpx

from schemas.errors import InfrastructureError

_POLL_S: Final = 1.0
"""The scheduler's own loop takes about a second."""
_REQUEST_TIMEOUT_S: Final = 30.0
_QUEUED_S: Final = 600.0
"""How long a run may stay queued: as long as one before it of the same DAG takes."""
_STILL_RUNNING_S: Final = 30.0
"""A person who waits is told so often that nothing is stuck."""
_FINISHED: Final = frozenset({"success", "failed"})


@dataclass(frozen=True, slots=True)
class FinishedTask:
    """One task of a finished run. `state` is Airflow's: success, skipped, failed, upstream_failed."""

    task_id: str
    state: str
    seconds: float


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """One finished DAG run with its tasks in the order they started."""

    dag_id: str
    run_id: str
    state: str
    tasks: tuple[FinishedTask, ...]


class AirflowClient:
    """The API of one Airflow. Every method raises InfrastructureError if it does not answer."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._http = httpx.Client(base_url=base_url, timeout=_REQUEST_TIMEOUT_S)

    def __enter__(self) -> Self:
        token = self._request("GET", "/auth/token")["access_token"]
        self._http.headers["Authorization"] = f"Bearer {token}"
        return self

    def __exit__(self, *details: object) -> None:
        self._http.close()

    def trigger(self, dag_id: str) -> str:
        """Start a run of a DAG; its id."""
        reply = self._request("POST", f"/api/v2/dags/{dag_id}/dagRuns", {"logical_date": None})
        return str(reply["dag_run_id"])

    def follow(
        self, dag_id: str, run_id: str, last_dag_id: str, watch: Callable[[str, str, str], None]
    ) -> Iterator[FinishedRun]:
        """Runs as they finish: the given one, then each that its asset event sets off, up to one of `last_dag_id`.

        `watch` is told (dag id, task id, state) whenever a task's state changes, and of long tasks that they still run.
        """
        while True:
            yield self._wait(dag_id, run_id, watch)
            if dag_id == last_dag_id or not self._emitted(dag_id, run_id):
                return
            dag_id, run_id = self._next_run(dag_id, run_id)

    def _wait(self, dag_id: str, run_id: str, watch: Callable[[str, str, str], None]) -> FinishedRun:
        known: dict[str, str] = {}
        said_at = started_at = time.monotonic()
        while True:
            state = self._request("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")["state"]
            tasks = self._request("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
            for task in tasks:
                if task["state"] and known.get(task["task_id"]) != task["state"]:
                    known[task["task_id"]] = task["state"]
                    watch(dag_id, task["task_id"], task["state"])
                    said_at = started_at = time.monotonic()
            if time.monotonic() - said_at > _STILL_RUNNING_S:
                said_at = time.monotonic()
                for task_id in (task_id for task_id, at in known.items() if at == "running"):
                    watch(dag_id, task_id, f"still running, {said_at - started_at:.0f} s")
            if state in _FINISHED:
                return FinishedRun(dag_id, run_id, state, _in_order(tasks))
            time.sleep(_POLL_S)

    def _emitted(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        query = httpx.QueryParams(source_dag_id=dag_id, source_run_id=run_id)
        path = f"/api/v2/assets/events?{query}"
        deadline = time.monotonic() + _QUEUED_S
        # Airflow 3.3 cannot show an asset event while a run it set off is queued: it answers 500 until the run starts.
        while self._http.get(path).status_code == httpx.codes.INTERNAL_SERVER_ERROR and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        events: list[dict[str, Any]] = self._request("GET", path)["asset_events"]
        return events

    def _next_run(self, dag_id: str, run_id: str) -> tuple[str, str]:
        while True:
            created = [run for event in self._emitted(dag_id, run_id) for run in event["created_dagruns"]]
            if created:
                return created[0]["dag_id"], created[0]["run_id"]
            time.sleep(_POLL_S)

    def _request(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        try:
            response = self._http.request(method, path, json=body)
            response.raise_for_status()
        except httpx.HTTPError as error:
            raise InfrastructureError(f"Airflow at {self._base_url}: {error}: see `feedwheel status`") from error
        reply: dict[str, Any] = response.json()
        return reply


def _in_order(tasks: list[dict[str, Any]]) -> tuple[FinishedTask, ...]:
    started = sorted(tasks, key=lambda task: task["start_date"] or "9999")
    return tuple(FinishedTask(task["task_id"], task["state"], _seconds(task)) for task in started)


def _seconds(task: dict[str, Any]) -> float:
    if not task["start_date"] or not task["end_date"]:
        return 0.0
    return (datetime.fromisoformat(task["end_date"]) - datetime.fromisoformat(task["start_date"])).total_seconds()
