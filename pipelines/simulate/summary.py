"""What a turn came to: the funnel, the accounts of the stages, the gate, the rollout, true accuracy before and after.

In: the turn's record, and what the stages wrote into ops since it began. Out: plain facts, ready to print or draw.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import pyarrow.compute as pc

from pipelines.context import Context
from pipelines.simulate.funnel import Level
from pipelines.simulate.turn import BUDGETS_S, TASK_BUDGETS_S, TurnRecord

DATA_STAGES: Final = ("ingest", "extract", "validate", "curate", "dataset")
"""The stages that turn events into examples, in their order."""


@dataclass(frozen=True, slots=True)
class FunnelLevel:
    """One level of the funnel, over all turns so far; `new` is what this turn added."""

    level: Level
    new: int


@dataclass(frozen=True, slots=True)
class Account:
    """What one stage took, gave and dropped in this turn, by name (I10: taken = given + dropped)."""

    stage: str
    taken: dict[str, int]
    given: dict[str, int]
    dropped: dict[str, int]


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate's record: `evidence` is what the verdict rests on."""

    stage: str
    verdict: str
    evidence: dict[str, Any]
    waiver_reason: str | None


@dataclass(frozen=True, slots=True)
class StageTime:
    """Seconds a step took against its budget."""

    name: str
    seconds: float
    budget_s: float | None


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything a person wants to know about a turn."""

    record: TurnRecord
    funnel: list[FunnelLevel]
    accounts: list[Account]
    gates: list[Gate]
    times: list[StageTime]
    links: dict[str, str]


def summarise(context: Context, turns: Sequence[TurnRecord]) -> Summary:
    """Collect the facts of the last of `turns`."""
    record = turns[-1]
    return Summary(
        record=record,
        funnel=_funnel(record, turns[-2] if len(turns) > 1 else None),
        accounts=_accounts(context, record),
        gates=_gates(context, record),
        times=_times(record),
        links=_links(context),
    )


def _funnel(record: TurnRecord, before: TurnRecord | None) -> list[FunnelLevel]:
    known = {level.name: level.count for level in before.funnel} if before else {}
    return [FunnelLevel(level, level.count - known.get(level.name, 0)) for level in record.funnel]


def _accounts(context: Context, record: TurnRecord) -> list[Account]:
    where = (pc.field("app") == record.app) & (pc.field("started_at") >= record.started_at)
    runs = context.lake.read("ops/runs", where=where).sort_by("started_at").to_pylist()
    by_stage = {stage: [run for run in runs if run["stage"] == stage] for stage in DATA_STAGES}
    return [_account(stage, stage_runs) for stage, stage_runs in by_stage.items() if stage_runs]


def _account(stage: str, runs: Sequence[dict[str, Any]]) -> Account:
    return Account(stage, *(_added(runs, column) for column in ("counts_in", "counts_out", "dropped")))


def _added(runs: Sequence[dict[str, Any]], column: str) -> dict[str, int]:
    total: dict[str, int] = {}
    for run in runs:
        for name, count in msgspec.json.decode(run[column], type=dict[str, int]).items():
            total[name] = total.get(name, 0) + count
    return total


def _gates(context: Context, record: TurnRecord) -> list[Gate]:
    where = (pc.field("app") == record.app) & (pc.field("decided_at") >= record.started_at)
    rows = context.lake.read("ops/gates", where=where).sort_by("decided_at").to_pylist()
    return [
        Gate(row["stage"], row["verdict"], msgspec.json.decode(row["evidence"]), row["waiver_reason"]) for row in rows
    ]


def _times(record: TurnRecord) -> list[StageTime]:
    steps = [StageTime(name, seconds, BUDGETS_S[name]) for name, seconds in record.seconds.items()]
    tasks = [
        StageTime(f"airflow: {task['task_id']}", task["seconds"], TASK_BUDGETS_S.get(task["task_id"]))
        for task in record.tasks
    ]
    at = next((place for place, step in enumerate(steps) if step.name == "airflow"), len(steps)) + 1
    return steps[:at] + tasks + steps[at:]


def _links(context: Context) -> dict[str, str]:
    settings = context.settings
    return {
        "Airflow": settings.airflow,
        "MLflow": settings.mlflow,
        "Serving": f"{settings.serving}/docs",
    }
