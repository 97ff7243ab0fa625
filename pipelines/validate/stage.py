"""One validate run of one application.

In: silver as extract left it. Out: admissions, or a refusal. The steps, numbered as in the code:

1. take the current revisions that nobody has judged;
2. judge every row by its contract: a conversation with a failing row is not admitted;
3. judge the batch by its figures: too few turns to judge is INCONCLUSIVE, a figure out of bounds is FAIL;
4. record the judgement, then admit.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence

import pyarrow as pa

from pipelines.bronze import CONVERSATION_TABLES
from pipelines.context import Context
from pipelines.extract.arrivals import read_ends
from pipelines.people import UserKeys
from pipelines.runs import stage_run
from pipelines.silver import RevisedTable
from pipelines.validate import suites, thresholds
from pipelines.validate.batch import Batch, read_batch, read_facts
from pipelines.validate.engine import Engine, Outcome
from pipelines.validate.record import FailingRow, Judgement, bronze_judged, write
from pipelines.validate.report import ValidateReport
from pipelines.validate.thresholds import Facts, Threshold
from schemas.errors import GateRefused, NothingToDo
from schemas.tables import TABLES


def run(context: Context, app: str) -> ValidateReport:
    """Judge what is new. Raises NothingToDo, also for a batch too small to judge, and GateRefused."""
    context.config.app(app)
    started = time.monotonic()
    batch = read_batch(context.lake, app, UserKeys(context.settings.user_keys))  # 1
    if batch is None:
        raise NothingToDo("every current revision is judged: run `feedwheel extract` first")
    with stage_run(context, app, "validate") as stage:
        judgement = judge(context, app, batch, stage.run_id)
        admitted = write(context.lake, judgement)  # 4
        rejected = len({(row.conversation_id, row.revision) for row in judgement.failing})
        stage.counts.taken["conversations"] = len(judgement.revisions)
        stage.counts.given["conversations"] = admitted
        if judgement.verdict == "PASS":
            stage.counts.dropped["rejected"] = rejected
        else:
            stage.counts.dropped[f"batch {judgement.verdict}"] = len(judgement.revisions)
    bounds = thresholds.thresholds(context.config.validation)
    if judgement.verdict == "INCONCLUSIVE":
        raise NothingToDo(
            f"{judgement.facts.turns} new turns are too few to judge, {context.config.validation.min_turns} are needed "
            "(feedwheel.toml, [validation] min_turns): they wait for more"
        )
    if judgement.verdict == "FAIL":
        raise GateRefused(_refusal(judgement, bounds))
    return ValidateReport(
        gate_id=judgement.gate_id,
        verdict=judgement.verdict,
        seconds=time.monotonic() - started,
        conversations=len(judgement.revisions),
        admitted=admitted,
        rejected=rejected,
        facts={name: getattr(judgement.facts, name) for name in Facts.__slots__},
        failures=_failures(judgement.failing),
    )


def judge(context: Context, app: str, batch: Batch, gate_id: str) -> Judgement:
    """Steps 2 and 3."""
    engine, lake = Engine(), context.lake
    rows: dict[RevisedTable, pa.Table] = {
        "silver/turns": batch.turns,
        "silver/signals": batch.signals,
        "silver/conversations": batch.conversations,
    }
    outcomes, failing = list[Outcome](), list[FailingRow]()
    for name, table in rows.items():
        found = engine.validate(name, table.select(suites.columns_of(name)), suites.suite_of(name))  # 2
        outcomes += found
        failing += failing_rows(name, table, found)
    bronze = {partition: end for name in CONVERSATION_TABLES for partition, end in read_ends(lake, name).items()}
    failed = len({row.conversation_id for row in failing})
    facts = read_facts(lake, batch, bronze_judged(lake, app), failed)
    bounds = thresholds.thresholds(context.config.validation)
    of_batch = engine.validate(thresholds.TABLE, thresholds.row_of(facts), thresholds.suite_of(bounds))  # 3
    too_few = facts.turns < context.config.validation.min_turns
    return Judgement(
        gate_id=gate_id,
        app=app,
        verdict="INCONCLUSIVE" if too_few else "PASS" if all(outcome.success for outcome in of_batch) else "FAIL",
        decided_at=context.clock(),
        revisions=batch.revisions,
        facts=facts,
        bronze=bronze,
        outcomes=[*outcomes, *of_batch],
        failing=failing,
    )


def failing_rows(name: RevisedTable, table: pa.Table, outcomes: Sequence[Outcome]) -> Iterator[FailingRow]:
    """Each row of a table that breaks an expectation, once for each."""
    key = [column for column in TABLES[name].key if column not in ("conversation_id", "revision")]
    for outcome in outcomes:
        for number in outcome.rows:
            row = {column: table.column(column)[number].as_py() for column in (*TABLES[name].key, "user_key")}
            yield FailingRow(
                row["conversation_id"],
                row["revision"],
                row["user_key"],
                name,
                "/".join(str(row[column]) for column in key),
                outcome.expectation,
            )


def _failures(failing: Sequence[FailingRow]) -> dict[str, int]:
    return dict(Counter(f"{row.table} {row.expectation}" for row in failing))


def _refusal(judgement: Judgement, bounds: Sequence[Threshold]) -> str:
    """Which figures are out of bounds, by how much, and what to do."""
    broken = [
        f"{bound.fact} is {getattr(judgement.facts, bound.fact):.3g}, allowed is {bound.allowed} ({bound.setting})"
        for bound in bounds
        if not _holds(bound, getattr(judgement.facts, bound.fact))
    ]
    rows = [f"{count} rows of {name}" for name, count in _failures(judgement.failing).items()]
    if any(suites.KNOWN_SPLIT_BUCKET in row.expectation for row in judgement.failing):
        rows.append("people have another split bucket than before: give FEEDWHEEL_SPLIT_KEY its earlier value back")
    return (
        f"{judgement.app}: none of {len(judgement.revisions)} conversations was admitted: {'; '.join(broken + rows)}. "
        f"Remove the cause, or change the bound in feedwheel.toml [validation], and run `feedwheel validate` again; "
        f"the evidence is gate {judgement.gate_id} of ops/gates"
    )


def _holds(bound: Threshold, figure: float) -> bool:
    return (bound.low is None or figure >= bound.low) and (bound.high is None or figure <= bound.high)
