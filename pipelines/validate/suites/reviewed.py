"""The reviewed files: what no contract of single columns can say.

In: `turns.toml`, `signals.toml`, `conversations.toml`, `batch.toml`. Out: suites, the bounds of a batch in words, and
what a person can do about each failure.
"""

import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from pipelines.silver import RevisedTable
from pipelines.validate.expectations import gx, name_of
from pipelines.validate.suites.contracts import expected_by_contract
from schemas.config import Validation

BATCH: Final = "batch"
"""The name under which a batch's figures are judged."""

_FOLDER: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Threshold:
    """A figure, its bound, the setting that holds the bound, and what a person can do when it is out of bounds."""

    fact: str
    expectation: str
    setting: str
    bound: float
    is_lower: bool
    remedy: str

    @property
    def allowed(self) -> str:
        """In words."""
        return f"at {'least' if self.is_lower else 'most'} {self.bound:g}"


@cache
def reviewed(table: str) -> Sequence[Mapping[str, Any]]:
    """The expectations of a reviewed file, as Great Expectations has them."""
    path = _FOLDER / f"{table.rpartition('/')[2]}.toml"
    expectations: list[Mapping[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8"))["expectations"]
    return expectations


def row_suite(table: RevisedTable) -> gx.ExpectationSuite:
    """Everything that a row of this table must keep."""
    return gx.ExpectationSuite(name=table, expectations=[*expected_by_contract(table), *map(dict, reviewed(table))])


def batch_suite(facts: Collection[str]) -> gx.ExpectationSuite:
    """What a batch must keep, as far as these figures say; its bounds are parameters."""
    judged = [dict(expectation) for expectation in reviewed(BATCH) if expectation["kwargs"]["column"] in facts]
    return gx.ExpectationSuite(name=BATCH, expectations=judged)


def thresholds(validation: Validation) -> list[Threshold]:
    """The bounds in use."""
    return [_threshold(expectation, validation) for expectation in reviewed(BATCH)]


def _threshold(expectation: Mapping[str, Any], validation: Validation) -> Threshold:
    arguments = expectation["kwargs"]
    is_lower = "min_value" in arguments
    setting = arguments["min_value" if is_lower else "max_value"]["$PARAMETER"]
    name = name_of(expectation["type"], arguments)
    bound, remedy = float(getattr(validation, setting)), expectation["meta"]["remedy"]
    return Threshold(arguments["column"], name, setting, bound, is_lower, remedy)


def remedies(table: str) -> dict[str, str]:
    """What a person can do, by the name of the expectation that fails."""
    return {
        name_of(expectation["type"], expectation["kwargs"]): expectation["meta"]["remedy"]
        for expectation in reviewed(table)
    }
