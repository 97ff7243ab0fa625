"""One validate run of one application.

In: silver as extract left it. Out: admissions, or a refusal. The steps, numbered as in the code:

1. take the current revisions that nobody has judged;
2. judge every row by its suite: a conversation with a failing row is not admitted;
3. judge the batch by its figures: too few turns to judge is INCONCLUSIVE, a figure out of bounds is FAIL;
4. where a person waives what the gate says, the verdict is WAIVED, for this batch only;
5. show the judgement as a page of Data Docs, record it, then admit.
"""

import getpass
import time
from collections.abc import Collection, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.bronze import CONVERSATION_TABLES, Offsets
from pipelines.context import Context
from pipelines.extract.arrivals import read_ends
from pipelines.people import UserKeys
from pipelines.runs import Counts, stage_run
from pipelines.silver import RevisedTable
from pipelines.validate import data_docs, suites
from pipelines.validate.baseline import baseline_of
from pipelines.validate.batch import Batch, read_batch, rejected_share
from pipelines.validate.engine import Engine, Judged, Outcome
from pipelines.validate.figures import Figures, measure
from pipelines.validate.record import ADMITTING, FailingRow, Judgement, admitted_evidence, bronze_judged, write
from pipelines.validate.references import REVISION
from pipelines.validate.refusal import broken, failures, refusal, too_few
from pipelines.validate.report import ValidateReport
from schemas.errors import GateRefused, NothingToDo, UsageError
from schemas.tables import TABLES


def run(context: Context, app: str, waive: str | None = None, by: str | None = None) -> ValidateReport:
    """Judge what is new; with a reason to waive, admit it whatever the gate says.

    `by`: who waives, the user of this process if not given. Raises NothingToDo, also for a batch too small to judge,
    GateRefused, and UsageError for a waiver without a reason.
    """
    context.config.app(app)
    if waive is not None and not waive.strip():
        raise UsageError("a waiver needs a reason, which stays on record: `feedwheel validate --waive REASON`")
    started = time.monotonic()
    batch = read_batch(context.lake, app, UserKeys(context.settings.user_keys))  # 1
    if batch is None:
        raise NothingToDo("every current revision is judged: run `feedwheel extract` first")
    with stage_run(context, app, "validate") as stage:
        judgement, found = judge(context, app, batch, stage.run_id)
        if waive is not None:
            judgement = _waived(judgement, by or getpass.getuser(), waive.strip())  # 4
        page = _show(context, judgement, found)  # 5
        write(context.lake, judgement)
        _count(stage.counts, judgement)
    if judgement.verdict == "INCONCLUSIVE":
        raise NothingToDo(too_few(judgement, context.config.validation))
    if judgement.verdict == "FAIL":
        raise GateRefused(refusal(judgement, broken(judgement, context.config.validation), page))
    return ValidateReport(
        gate_id=judgement.gate_id,
        verdict=judgement.verdict,
        seconds=time.monotonic() - started,
        conversations=len(judgement.revisions),
        admitted=len(judgement.admitted),
        rejected=len(judgement.revisions) - len(judgement.admitted),
        facts=judgement.figures.facts,
        unjudged=judgement.figures.unjudged,
        failures=failures(judgement.failing),
        data_docs=page,
        waived_by=judgement.waiver.by if judgement.waiver else None,
    )


def judge(context: Context, app: str, batch: Batch, gate_id: str) -> tuple[Judgement, list[Judged]]:
    """Steps 2 and 3; beside the judgement what each suite found."""
    engine, validation, tables = Engine(), context.config.validation, batch.tables
    of_rows = {name: engine.validate(rows, suites.row_suite(name)) for name, rows in tables.items()}  # 2
    failing = [row for name, found in of_rows.items() for row in failing_rows(name, tables[name], found.outcomes)]
    bronze = {part: end for name in CONVERSATION_TABLES for part, end in read_ends(context.lake, name).items()}
    figures = _figures(context, app, batch, bronze, {row.conversation_id for row in failing})
    row = pa.table({name: [value] for name, value in figures.facts.items()})
    of_batch = engine.validate(row, suites.batch_suite(figures.facts), validation.model_dump())  # 3
    found = [*of_rows.values(), of_batch]
    holds = all(outcome.success for outcome in of_batch.outcomes)
    judgement = Judgement(
        gate_id=gate_id,
        app=app,
        verdict="INCONCLUSIVE" if batch.turns.num_rows < validation.min_turns else "PASS" if holds else "FAIL",
        decided_at=context.clock(),
        revisions=batch.revisions,
        figures=figures,
        bronze=bronze,
        versions=batch.versions,
        follows=batch.follows,
        outcomes=[outcome for judged in found for outcome in judged.outcomes],
        failing=failing,
    )
    return judgement, found


def _figures(context: Context, app: str, batch: Batch, bronze: Offsets, failing: Collection[str]) -> Figures:
    """The figures of a batch in which the `failing` conversations break their contract, against those before."""
    lake, config = context.lake, context.config
    evidence = admitted_evidence(lake, app)
    released = lake.read("ops/releases", ["model_version"], pc.field("app") == app).column("model_version").to_pylist()
    baseline, sound = baseline_of(evidence, config.validation), batch.without(failing)
    figures = measure(sound, baseline, config.app(app), config.validation, released)
    figures.facts["bronze_rejected_share"] = rejected_share(lake, bronze_judged(evidence), bronze)
    figures.facts["silver_rejected_share"] = len(failing) / batch.conversations.num_rows
    return figures


def failing_rows(name: RevisedTable, table: pa.Table, outcomes: Sequence[Outcome]) -> Iterator[FailingRow]:
    """Each row of a table that breaks an expectation, once for each."""
    key = [column for column in TABLES[name].key if column not in REVISION]
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


def _waived(judgement: Judgement, by: str, reason: str) -> Judgement:
    """A waiver admits no row that breaks its contract. Raises GateRefused if that leaves nothing to admit."""
    waived = judgement.waived(by, reason)
    if not waived.admitted:
        raise GateRefused(
            f"{waived.app}: every one of {len(waived.revisions)} conversations has a row that breaks its contract, "
            "and no waiver admits those: `feedwheel validate` without one says which rows and why"
        )
    return waived


def _show(context: Context, judgement: Judgement, found: Sequence[Judged]) -> str:
    """The address of the judgement's page."""
    validation, folder = context.config.validation, context.settings.data_docs_folder / judgement.app
    page = data_docs.write(folder, judgement, found, broken(judgement, validation), suites.thresholds(validation))
    return page.as_uri()


def _count(counts: Counts, judgement: Judgement) -> None:
    taken, given = len(judgement.revisions), len(judgement.admitted)
    counts.taken["conversations"], counts.given["conversations"] = taken, given
    reason = "rejected" if judgement.verdict in ADMITTING else f"batch {judgement.verdict}"
    counts.dropped[reason] = taken - given
