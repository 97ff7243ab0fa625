"""One curation of one application.

In: admitted conversations in silver. Out: a new generation of gold/candidates, all examples that people's signals
support, each in its use. The steps, numbered as in the code:

1. note where the fences stand, read admitted conversations, and note exactly which input that is;
2. label, check the format and redact, conversation by conversation, on Ray, what no earlier curation has;
3. over all examples: settle conflicts, remove duplicates of all kinds, withhold what touches evaluation or a
   benchmark, cap a person's share;
4. write candidates and dropped examples, and last the record of the curation: without it the others do not count.

If words are taken out meanwhile (`pipelines.privacy`), the next write of examples is refused. What was labelled by then
has been cleaned with the rest, and the next curation uses it.
"""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from feedback.agreement import Agreement
from feedback.toxicity import shipped_toxicity
from pipelines.context import Context
from pipelines.curate.evaluated import evaluated_texts
from pipelines.curate.evidence import Admitted, Inputs, read_admitted
from pipelines.curate.labelled import read_labelled, write_labelled
from pipelines.curate.record import Curation, newest_curation, write_curation
from pipelines.curate.steps import Curated, decided, labelled
from pipelines.io.fence import Fenced, fenced
from pipelines.io.ray import ray_session
from pipelines.runs import stage_run
from pipelines.version import code_hash
from schemas.errors import NothingToDo
from schemas.tables import TABLES, TableName


@dataclass(frozen=True, slots=True)
class CurateReport:
    """Counts of one curation: `examples` by use, `rules` by the rule that labelled, `dropped` by step, then reason.

    `personal` counts what was taken out of the examples, by type. `gate_asked` answers were shown with a request to
    confirm or correct, `gate_answered` of them were. `agreement`: of people who judged the same answer to the same
    request.
    """

    run_id: str
    as_of: datetime
    seconds: float
    answers: int
    examples: dict[str, int]
    rules: dict[str, int]
    dropped: dict[str, dict[str, int]]
    personal: dict[str, int]
    gate_asked: int
    gate_answered: int
    agreement: Agreement | None


def run(context: Context, app: str) -> CurateReport:
    """Curate what is admitted. Raises NothingToDo if there is nothing, or nothing new; InfrastructureError."""
    context.config.app(app)
    started = time.monotonic()
    with stage_run(context, app, "curate") as stage, _uncollected():
        into = fenced(context.lake, app, "gold/labelled", "gold/candidates")  # 1
        admitted = read_admitted(context, app)
        newest = newest_curation(context.lake, app)
        if newest and newest.is_like(admitted.inputs, context.config.digest, code_hash()):
            raise NothingToDo(f"nothing was admitted since curation {newest.run_id}")
        rows = _labelled(context, into, stage.run_id, admitted)  # 2
        evaluated = evaluated_texts(context.lake, app, admitted.inputs.evaluated_through)
        result = decided(rows, context.config, evaluated)  # 3
        stage.counts.add(result.counts)
        curation = _record(context, app, stage.run_id, admitted.inputs, result)
        _write(into, curation, result)  # 4
    return CurateReport(
        run_id=curation.run_id,
        as_of=curation.inputs.as_of,
        seconds=time.monotonic() - started,
        answers=curation.answers,
        examples=curation.examples,
        rules=curation.rules,
        dropped=curation.dropped,
        personal=curation.personal,
        gate_asked=curation.gate_asked,
        gate_answered=curation.gate_answered,
        agreement=curation.agreement,
    )


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the collector of cycles: rows are in none, and it looks at all of them, again and again as they grow."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _labelled(context: Context, into: Fenced, run_id: str, admitted: Admitted) -> list[dict[str, Any]]:
    """Step 2."""
    weights = (admitted.inputs.personal, shipped_toxicity().version)
    known = read_labelled(into.lake, into.app, admitted.conversations, code_hash(), context.config.digest, *weights)
    fresh = list[dict[str, Any]]()
    if known.fresh.num_rows:
        with ray_session(context.settings):
            fresh = labelled(known.fresh, context.config)
    write_labelled(into, run_id, known, fresh)
    return known.rows + fresh


def _record(context: Context, app: str, run_id: str, inputs: Inputs, result: Curated) -> Curation:
    return Curation(
        run_id=run_id,
        app=app,
        curated_at=context.clock(),
        inputs=inputs,
        config=context.config.model_dump(mode="json"),
        config_hash=context.config.digest,
        code_hash=code_hash(),
        answers=result.counts.taken["answers"],
        examples=result.by("use"),
        rules=result.by("rule"),
        dropped=result.drops,
        personal=result.personal,
        gate_asked=result.gate_asked,
        gate_answered=result.gate_answered,
        agreement=result.agreement,
    )


def _write(into: Fenced, curation: Curation, result: Curated) -> None:
    """Step 4, the record last."""
    into.append("gold/candidates", _of_run("gold/candidates", curation, result.kept))
    into.lake.append("gold/dropped", _of_run("gold/dropped", curation, result.dropped))
    write_curation(into.lake, curation)


def _of_run(table: TableName, curation: Curation, rows: pa.Table) -> pa.Table:
    named = rows.add_column(0, "run_id", pa.array([curation.run_id] * rows.num_rows, pa.string()))
    return named.select(TABLES[table].schema.names)
