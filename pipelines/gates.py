"""Gate records: every verdict on data or on a model, with its evidence (I6).

In: a verdict. Out: a row of ops/gates. Rows are only ever added; a waiver is a row of its own.
"""

from datetime import datetime
from typing import Any, Final, Literal

import msgspec
import pyarrow.compute as pc
from feedwheel_capture.ids import uuid7
from feedwheel_capture.vocabulary import GateVerdict

from pipelines.context import Context
from pipelines.io.lake import Lake
from pipelines.runs import canonical_json

GateStage = Literal["validate", "evaluate", "release"]
MODEL_STAGES: Final[tuple[GateStage, ...]] = ("evaluate", "release")
"""Gates on models: what evidence says, and what a person decided in spite of it."""


class GateRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One verdict. `evidence` is what it rests on; a waiver names who waived and why."""

    gate_id: str
    app: str
    stage: GateStage
    subject: str
    verdict: GateVerdict
    decided_at: datetime
    evidence: dict[str, Any]
    waived_by: str | None = None
    waiver_reason: str | None = None


def record_gate(
    context: Context,
    app: str,
    stage: GateStage,
    subject: str,
    verdict: GateVerdict,
    evidence: object,
    waiver: tuple[str, str] | None = None,
) -> GateRecord:
    """Write a verdict. `waiver`: who waived, and why."""
    decided_at = context.clock()
    waived_by, reason = waiver or (None, None)
    record = GateRecord(
        gate_id=uuid7(decided_at),
        app=app,
        stage=stage,
        subject=subject,
        verdict=verdict,
        decided_at=decided_at,
        evidence=msgspec.to_builtins(evidence),
        waived_by=waived_by,
        waiver_reason=reason,
    )
    context.lake.append("ops/gates", [{**msgspec.structs.asdict(record), "evidence": canonical_json(record.evidence)}])
    return record


def gate_records(lake: Lake, app: str, since: datetime) -> list[GateRecord]:
    """Every verdict on data and models of `app` from an instant on, oldest first."""
    return _records(lake, (pc.field("app") == app) & (pc.field("decided_at") >= since))


def model_gates(lake: Lake, app: str) -> list[GateRecord]:
    """Every verdict on models of `app`, oldest first."""
    return _records(lake, (pc.field("app") == app) & pc.field("stage").isin(list(MODEL_STAGES)))


def _records(lake: Lake, where: pc.Expression) -> list[GateRecord]:
    rows = lake.read("ops/gates", where=where).to_pylist()
    rows.sort(key=lambda row: row["gate_id"])
    return [msgspec.convert({**row, "evidence": msgspec.json.decode(row["evidence"])}, GateRecord) for row in rows]
