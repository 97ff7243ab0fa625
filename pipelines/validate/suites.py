"""Expectations on the rows of silver, derived from the contracts of `schemas.tables`: nothing is stated twice.

In: a table's contract. Out: a suite. Columns and types need no expectation: `Lake.read` refuses a table that lacks
them.
"""

import math
from typing import Final

import pyarrow as pa

from pipelines.silver import RevisedTable
from pipelines.validate.expectations import Expectation, gxe
from schemas.tables import TABLES, Table

KNOWN_SPLIT_BUCKET: Final = "known_split_bucket"
"""Of a turn: the split bucket that its person had first."""


def suite_of(name: RevisedTable) -> list[Expectation]:
    """Everything that a row of this table must keep."""
    contract = TABLES[name]
    return [*_required(contract), *_vocabularies(contract), *_ranges(contract), _key(contract), *_EXTRA.get(name, [])]


def columns_of(name: RevisedTable) -> list[str]:
    """The columns that the suite looks at: text and other nested values are not loaded."""
    contract = TABLES[name]
    own = [
        field.name for field in contract.schema if field.name in contract.required or not pa.types.is_nested(field.type)
    ]
    return [*own, KNOWN_SPLIT_BUCKET] if name == "silver/turns" else own


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


_EXTRA: dict[RevisedTable, list[Expectation]] = {
    # The bucket is a hash under FEEDWHEEL_SPLIT_KEY: under another key people would move between training and
    # evaluation (I6).
    "silver/turns": [gxe.ExpectColumnPairValuesToBeEqual(column_A="split_bucket", column_B=KNOWN_SPLIT_BUCKET)],
    "silver/signals": [
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="span_end", column_B="span_start", or_equal=True, ignore_row_if="either_value_is_missing"
        )
    ],
    "silver/conversations": [gxe.ExpectColumnValuesToBeBetween(column="turns", min_value=1)],
}
"""What a contract of single columns cannot say."""
