"""Great Expectations: one suite on one table in memory.

In: rows and expectations. Out: for each expectation whether it holds, and which rows break it, by number. Values of
rows stay in memory: results carry numbers only, because rows hold people's words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pipelines.validate.expectations import Expectation, ProgressBarsConfig, gx
from schemas.errors import ContractViolation


@dataclass(frozen=True, slots=True)
class Outcome:
    """One expectation on one table. `rows` are the numbers of the rows that break it; `observed` a single value."""

    table: str
    expectation: str
    success: bool
    elements: int
    rows: tuple[int, ...]
    observed: float | None


class Engine:
    """An ephemeral Great Expectations context: it stores nothing and sends nothing."""

    def __init__(self) -> None:
        self._context = gx.get_context(mode="ephemeral")
        self._context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
        self._source = self._context.data_sources.add_pandas("silver")

    def validate(self, table: str, rows: pa.Table, expectations: Sequence[Expectation]) -> list[Outcome]:
        """Run a suite on all rows. Raises ContractViolation if an expectation cannot be evaluated."""
        whole = self._source.add_dataframe_asset(table).add_batch_definition_whole_dataframe("all")
        batch = whole.get_batch({"dataframe": rows.to_pandas()})
        suite = gx.ExpectationSuite(name=table, expectations=list(expectations))
        results = batch.validate(suite, result_format={"result_format": "COMPLETE"}).results
        return [_outcome(table, result) for result in results]


def _outcome(table: str, result: Any) -> Outcome:
    name = _name(result.expectation_config.type, result.expectation_config.kwargs)
    if problem := _exception(result.exception_info):
        raise ContractViolation(f"{table}: {name} cannot be evaluated: {problem}")
    observed = result.result.get("observed_value")
    return Outcome(
        table=table,
        expectation=name,
        success=result.success,
        elements=result.result.get("element_count", 1),
        rows=tuple(result.result.get("unexpected_index_list") or ()),
        observed=None if observed is None else float(observed),
    )


def _exception(info: Mapping[str, Any]) -> str | None:
    """The message of what was raised; it comes either directly or by metric."""
    raised = [part for part in (info, *info.values()) if isinstance(part, Mapping) and part.get("raised_exception")]
    return str(raised[0]["exception_message"]) if raised else None


def _name(kind: str, arguments: Mapping[str, Any]) -> str:
    """For example `column_values_to_be_in_set(arm)`."""
    columns = arguments.get("column") or ", ".join(
        arguments.get("column_list") or filter(None, (arguments.get("column_A"), arguments.get("column_B")))
    )
    return f"{kind.removeprefix('expect_')}({columns})"
