"""What a turn came to: the funnel, the accounts of the stages, the gate, the rollout, true accuracy before and after.

In: the turn's record, and what the stages wrote into ops since it began. Out: plain facts, ready to print or draw.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import pyarrow.compute as pc

from feedback.dislikes import LeverGroup
from pipelines import dislikes
from pipelines.context import Context
from pipelines.gates import GateRecord, gate_records, model_gates
from pipelines.simulate.funnel import Level
from pipelines.simulate.turn import BUDGETS_S, TASK_BUDGETS_S, TurnRecord
from schemas.errors import NothingToDo

STAGES: Final = ("ingest", "extract", "validate", "privacy", "curate", "dataset", "train", "evaluate", "release")
"""In their order."""


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
class StageTime:
    """Seconds a step took against its budget."""

    name: str
    seconds: float
    budget_s: float | None


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything a person wants to know about a turn.

    `model_gate` is the verdict on the model that people tried in this turn, else on the newest that was judged in it.
    """

    record: TurnRecord
    funnel: list[FunnelLevel]
    accounts: list[Account]
    gates: list[GateRecord]
    model_gate: GateRecord | None
    times: list[StageTime]
    levers: tuple[LeverGroup, ...]
    links: dict[str, str]


def summarise(context: Context, turns: Sequence[TurnRecord]) -> Summary:
    """Collect the facts of the last of `turns`."""
    record = turns[-1]
    return Summary(
        record=record,
        funnel=_funnel(record, turns[-2] if len(turns) > 1 else None),
        accounts=_accounts(context, record),
        gates=gate_records(context.lake, record.app, record.started_at),
        model_gate=_model_gate(context, record),
        times=_times(record),
        levers=_levers(context, record),
        links=_links(context),
    )


def _funnel(record: TurnRecord, before: TurnRecord | None) -> list[FunnelLevel]:
    known = {level.name: level.count for level in before.funnel} if before else {}
    return [FunnelLevel(level, level.count - known.get(level.name, 0)) for level in record.funnel]


def _accounts(context: Context, record: TurnRecord) -> list[Account]:
    where = (pc.field("app") == record.app) & (pc.field("started_at") >= record.started_at)
    runs = context.lake.read("ops/runs", where=where).sort_by("started_at").to_pylist()
    by_stage = {stage: [run for run in runs if run["stage"] == stage] for stage in STAGES}
    return [_account(stage, stage_runs) for stage, stage_runs in by_stage.items() if stage_runs]


def _account(stage: str, runs: Sequence[dict[str, Any]]) -> Account:
    return Account(stage, *(_added(runs, column) for column in ("counts_in", "counts_out", "dropped")))


def _added(runs: Sequence[dict[str, Any]], column: str) -> dict[str, int]:
    total: dict[str, int] = {}
    for run in runs:
        for name, count in msgspec.json.decode(run[column], type=dict[str, int]).items():
            total[name] = total.get(name, 0) + count
    return total


def _model_gate(context: Context, record: TurnRecord) -> GateRecord | None:
    judged = [gate for gate in model_gates(context.lake, record.app) if gate.stage == "evaluate"]
    if tried := record.rollout.get("release_id"):
        released = context.lake.read("ops/releases", ["model_version"], pc.field("release_id") == tried)
        fitting = [gate for gate in judged if gate.subject in released.column("model_version").to_pylist()]
    else:
        fitting = [gate for gate in judged if gate.decided_at >= record.started_at]
    return fitting[-1] if fitting else None


def _times(record: TurnRecord) -> list[StageTime]:
    steps = [StageTime(name, seconds, BUDGETS_S[name]) for name, seconds in record.seconds.items()]
    tasks = [
        StageTime(f"airflow: {task['task_id']}", task["seconds"], TASK_BUDGETS_S.get(task["task_id"]))
        for task in record.tasks
    ]
    at = next((place for place, step in enumerate(steps) if step.name == "airflow"), len(steps)) + 1
    return steps[:at] + tasks + steps[at:]


def _levers(context: Context, record: TurnRecord) -> tuple[LeverGroup, ...]:
    """What would mend the answers of this turn that people disliked."""
    try:
        return dislikes.run(context, record.app, since=record.started_at, examples=0).levers
    except NothingToDo:
        return ()


def _links(context: Context) -> dict[str, str]:
    settings = context.settings
    return {
        "Airflow": settings.airflow,
        "MLflow": settings.mlflow,
        "Serving": f"{settings.serving}/docs",
    }
