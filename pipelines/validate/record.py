"""The record of a judgement, and what follows from it.

The gate record comes first: nothing is admitted without evidence. Admissions come last and are the commit point: a run
that died before them has judged nothing, and the next one judges the same revisions again. So has the later of two runs
at once: admissions carry how many runs admitted, `validate/<app>`, counted on from before the batch was read.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import msgspec
import pyarrow.compute as pc
from deltalake import DeltaTable
from feedwheel_capture.vocabulary import GateVerdict

from pipelines.bronze import Partition
from pipelines.io.lake import Lake
from pipelines.runs import canonical_json
from pipelines.silver import RevisedTable
from pipelines.validate.batch import admitting_runs, runs_that_admitted
from pipelines.validate.engine import Outcome
from pipelines.validate.figures import Figures
from schemas.errors import InfrastructureError

STAGE: Final = "validate"
ADMITTING: Final[frozenset[GateVerdict]] = frozenset({"PASS", "WAIVED"})


@dataclass(frozen=True, slots=True)
class FailingRow:
    """One row that breaks one expectation."""

    conversation_id: str
    revision: str
    user_key: str | None
    table: str
    row_key: str
    expectation: str


@dataclass(frozen=True, slots=True)
class Waiver:
    """Who let a batch pass, why, and what the gate had said."""

    by: str
    reason: str
    verdict: GateVerdict


@dataclass(frozen=True, slots=True)
class Judgement:
    """A gate's answer and its evidence. `bronze` is how far the rejected share was taken, `versions` what was read.

    `follows` so many runs that admitted.
    """

    gate_id: str
    app: str
    verdict: GateVerdict
    decided_at: datetime
    revisions: Sequence[tuple[str, str, str | None]]
    figures: Figures
    bronze: Mapping[Partition, int]
    versions: Mapping[RevisedTable, int]
    follows: int
    outcomes: Sequence[Outcome]
    failing: Sequence[FailingRow]
    waiver: Waiver | None = None

    @property
    def admitted(self) -> list[tuple[str, str, str | None]]:
        """The revisions that may be used: none of a refused batch, else those whose rows keep their contract."""
        if self.verdict not in ADMITTING:
            return []
        failing = {(row.conversation_id, row.revision) for row in self.failing}
        return [revision for revision in self.revisions if revision[:2] not in failing]

    def waived(self, by: str, reason: str) -> "Judgement":
        """The same evidence, and a person's decision; a batch that passed needs none."""
        if self.verdict == "PASS":
            return self
        return replace(self, verdict="WAIVED", waiver=Waiver(by, reason, self.verdict))


def write(lake: Lake, judgement: Judgement) -> None:
    """Store a judgement; of one that admits also its rejections and admissions.

    Raises InfrastructureError if another run has admitted since the batch was read.
    """
    lake.append("ops/gates", [_gate(judgement)])
    if judgement.verdict not in ADMITTING:
        return
    if judgement.failing:
        lake.append("silver/rejected", [_rejection(judgement, row) for row in judgement.failing])
    admissions = [_admission(judgement, *revision) for revision in judgement.admitted]
    lake.append("silver/admissions", admissions, lambda table: _next(judgement, table))


def _next(judgement: Judgement, admissions: DeltaTable) -> dict[str, int]:
    if runs_that_admitted(admissions, judgement.app) != judgement.follows:
        raise InfrastructureError(
            f"{judgement.app}: another validation came first, so this one admitted nothing: run it again"
        )
    return {admitting_runs(judgement.app): judgement.follows + 1}


def _gate(judgement: Judgement) -> dict[str, Any]:
    return {
        "gate_id": judgement.gate_id,
        "app": judgement.app,
        "stage": STAGE,
        "subject": f"{len(judgement.revisions)} conversations",
        "verdict": judgement.verdict,
        "decided_at": judgement.decided_at,
        "evidence": canonical_json(_evidence(judgement)),
        "waived_by": judgement.waiver and judgement.waiver.by,
        "waiver_reason": judgement.waiver and judgement.waiver.reason,
    }


def _evidence(judgement: Judgement) -> dict[str, Any]:
    figures = judgement.figures
    return {
        "facts": figures.facts,
        "moved": figures.moved,
        "unjudged": figures.unjudged,
        "batch": figures.entry,
        "waived_verdict": judgement.waiver and judgement.waiver.verdict,
        "silver": judgement.versions,
        "bronze": {_name(partition): offset for partition, offset in judgement.bronze.items()},
        "expectations": [
            {
                "table": outcome.table,
                "expectation": outcome.expectation,
                "success": outcome.success,
                "elements": outcome.elements,
                "unexpected": len(outcome.rows),
                "observed": outcome.observed,
            }
            for outcome in judgement.outcomes
        ],
    }


def _name(partition: Partition) -> str:
    topic_id, number = partition
    return f"{topic_id}/{number}"


def _rejection(judgement: Judgement, row: FailingRow) -> dict[str, Any]:
    return {
        **msgspec.to_builtins(row),
        "app": judgement.app,
        "run_id": judgement.gate_id,
        "rejected_at": judgement.decided_at,
    }


def _admission(judgement: Judgement, conversation_id: str, revision: str, user_key: str | None) -> dict[str, Any]:
    return {
        "conversation_id": conversation_id,
        "revision": revision,
        "app": judgement.app,
        "user_key": user_key,
        "run_id": judgement.gate_id,
        "admitted_at": judgement.decided_at,
    }


def admitted_evidence(lake: Lake, app: str) -> list[dict[str, Any]]:
    """The evidence of every admitted batch, oldest first."""
    admitted = lake.read("silver/admissions", ["run_id"], pc.field("app") == app).column("run_id").unique()
    where = (pc.field("app") == app) & (pc.field("stage") == STAGE) & pc.field("gate_id").isin(admitted)
    rows = lake.read("ops/gates", ["gate_id", "evidence"], where).sort_by("gate_id")
    return [msgspec.json.decode(evidence) for evidence in rows.column("evidence").to_pylist()]


def bronze_judged(evidence: Sequence[Mapping[str, Any]]) -> dict[Partition, int]:
    """How far the admitted batches had looked into bronze; the next looks from there on."""
    judged = dict[Partition, int]()
    for found in evidence:
        for partition, offset in _partitions(found["bronze"]):
            judged[partition] = max(offset, judged.get(partition, 0))
    return judged


def _partitions(named: Mapping[str, int]) -> Iterator[tuple[Partition, int]]:
    for name, offset in named.items():
        topic_id, number = name.rsplit("/", 1)
        yield (topic_id, int(number)), offset
