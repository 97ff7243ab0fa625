"""The record of a judgement, and what follows from it.

The gate record comes first: nothing is admitted without evidence. Admissions come last and are the commit point: a run
that died before them has judged nothing, and the next one judges the same revisions again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import pyarrow.compute as pc
from feedwheel_capture.vocabulary import GateVerdict

from pipelines.bronze import Partition
from pipelines.io.lake import Lake
from pipelines.runs import canonical_json
from pipelines.validate.engine import Outcome
from pipelines.validate.thresholds import Facts

STAGE = "validate"


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
class Judgement:
    """A gate's answer and its evidence. `bronze` is how far the rejected share was taken."""

    gate_id: str
    app: str
    verdict: GateVerdict
    decided_at: datetime
    revisions: Sequence[tuple[str, str, str | None]]
    facts: Facts
    bronze: Mapping[Partition, int]
    outcomes: Sequence[Outcome]
    failing: Sequence[FailingRow]


def write(lake: Lake, judgement: Judgement) -> int:
    """Store a judgement; of a PASS also its rejections and admissions. Returns the number of admissions."""
    lake.append("ops/gates", [_gate(judgement)])
    if judgement.verdict != "PASS":
        return 0
    if judgement.failing:
        lake.append("silver/rejected", [_rejection(judgement, row) for row in judgement.failing])
    failing = {(row.conversation_id, row.revision) for row in judgement.failing}
    admitted = [revision for revision in judgement.revisions if revision[:2] not in failing]
    lake.append("silver/admissions", [_admission(judgement, *revision) for revision in admitted])
    return len(admitted)


def _gate(judgement: Judgement) -> dict[str, Any]:
    return {
        "gate_id": judgement.gate_id,
        "app": judgement.app,
        "stage": STAGE,
        "subject": f"{len(judgement.revisions)} conversations",
        "verdict": judgement.verdict,
        "decided_at": judgement.decided_at,
        "evidence": canonical_json(_evidence(judgement)),
    }


def _evidence(judgement: Judgement) -> dict[str, Any]:
    return {
        "facts": judgement.facts,
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


def bronze_judged(lake: Lake, app: str) -> dict[Partition, int]:
    """How far the last admitted batch had looked into bronze; the next looks from there on."""
    admitted = lake.read("silver/admissions", ["run_id"], pc.field("app") == app).column("run_id").unique()
    where = (pc.field("app") == app) & (pc.field("stage") == STAGE) & pc.field("gate_id").isin(admitted)
    judged = dict[Partition, int]()
    for evidence in lake.read("ops/gates", ["gate_id", "evidence"], where).column("evidence").to_pylist():
        for partition, offset in _partitions(msgspec.json.decode(evidence)["bronze"]):
            judged[partition] = max(offset, judged.get(partition, 0))
    return judged


def _partitions(named: Mapping[str, int]) -> Iterator[tuple[Partition, int]]:
    for name, offset in named.items():
        topic_id, number = name.rsplit("/", 1)
        yield (topic_id, int(number)), offset
