"""Great Expectations: one suite on one table in memory.

In: rows and a suite. Out: for each expectation whether it holds, and which rows break it, by number; and the result as
Data Docs show it. Values of rows stay in memory: results carry numbers only, because rows hold people's words.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from pipelines.validate.expectations import ProgressBarsConfig, gx, name_of
from schemas.errors import ContractViolation

_COLUMN_ARGUMENTS: Final = ("column", "column_A", "column_B")

_COUNTS: Final = frozenset({"element_count", "unexpected_count", "unexpected_percent", "missing_count"})
"""What a result may say of values; the rest of it quotes them."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One expectation on one table. `rows` are the numbers of the rows that break it; `observed` a single value."""

    table: str
    expectation: str
    success: bool
    elements: int
    rows: tuple[int, ...]
    observed: float | None


@dataclass(frozen=True, slots=True)
class Judged:
    """What a suite found. `result` is Great Expectations' own, without values."""

    outcomes: list[Outcome]
    result: Any


class Engine:
    """An ephemeral Great Expectations context: it stores nothing and sends nothing."""

    def __init__(self) -> None:
        self._context = gx.get_context(mode="ephemeral")
        self._context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
        self._source = self._context.data_sources.add_pandas("silver")

    def validate(self, rows: pa.Table, suite: Any, parameters: Mapping[str, Any] | None = None) -> Judged:
        """Run a suite on all rows. Raises ContractViolation if an expectation cannot be evaluated."""
        whole = self._source.add_dataframe_asset(suite.name).add_batch_definition_whole_dataframe("all")
        batch = whole.get_batch({"dataframe": rows.select(sorted(_columns_of(suite))).to_pandas()})
        form = {"result_format": "COMPLETE", "include_unexpected_rows": False}
        found = batch.validate(suite, result_format=form, expectation_parameters=dict(parameters or {}))
        outcomes = [_outcome(suite.name, result) for result in found.results]
        for result in found.results:
            _without_values(result)
        return Judged(outcomes, found)


def _columns_of(suite: Any) -> set[str]:
    """The columns that a suite looks at: no others are loaded."""
    return {column for expectation in suite.expectations for column in _named(expectation.configuration.kwargs)}


def _named(arguments: Mapping[str, Any]) -> Iterator[str]:
    yield from arguments.get("column_list") or ()
    yield from (arguments[name] for name in _COLUMN_ARGUMENTS if name in arguments)


def _outcome(table: str, result: Any) -> Outcome:
    name = name_of(result.expectation_config.type, result.expectation_config.kwargs)
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


def _without_values(result: Any) -> None:
    """Leave counts, and of a figure of the batch what was observed."""
    kept = {name: value for name, value in result.result.items() if name in _COUNTS}
    if (observed := result.result.get("observed_value")) is not None:
        kept["observed_value"] = float(observed)
    result.result = kept
