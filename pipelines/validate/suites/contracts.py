"""Expectations on the rows of silver, derived from the contracts of `schemas.tables`: nothing is stated twice.

In: a table's contract. Out: expectations. Columns and types need none: `Lake.read` refuses a table that lacks them.
"""

import math

from pipelines.silver import RevisedTable
from pipelines.validate.expectations import Expectation, gxe
from schemas.tables import TABLES, Table


def expected_by_contract(name: RevisedTable) -> list[Expectation]:
    """What the contract of this table says of its rows."""
    contract = TABLES[name]
    return [*_required(contract), *_vocabularies(contract), *_ranges(contract), _key(contract)]


def _required(contract: Table) -> list[Expectation]:
    return [gxe.ExpectColumnValuesToNotBeNull(column=column) for column in sorted(contract.required)]


def _vocabularies(contract: Table) -> list[Expectation]:
    return [
        gxe.ExpectColumnValuesToBeInSet(column=column, value_set=list(members))
        for column, members in sorted(contract.vocabularies.items())
    ]


def _ranges(contract: Table) -> list[Expectation]:
    return [
        gxe.ExpectColumnValuesToBeBetween(column=column, min_value=_finite(low), max_value=_finite(high))
        for column, (low, high) in sorted(contract.ranges.items())
    ]


def _finite(bound: float) -> float | None:
    return bound if math.isfinite(bound) else None


def _key(contract: Table) -> Expectation:
    return gxe.ExpectCompoundColumnsToBeUnique(column_list=list(contract.key))
