"""What is expected: of rows by the contracts of `schemas.tables`, and by files that people review, one for each table.

A file is in Great Expectations' own form (type, kwargs, description, meta) and says only what no contract can; bounds
of a batch are parameters in it (`$PARAMETER`) and stand in feedwheel.toml, [validation]. `meta.remedy` is what a person
can do.
"""

from pipelines.validate.suites.contracts import expected_by_contract
from pipelines.validate.suites.reviewed import BATCH, Threshold, batch_suite, remedies, reviewed, row_suite, thresholds

__all__ = [
    "BATCH",
    "Threshold",
    "batch_suite",
    "expected_by_contract",
    "remedies",
    "reviewed",
    "row_suite",
    "thresholds",
]
