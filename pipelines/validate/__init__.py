"""Validate: silver to admissions, through a Great Expectations gate on each batch of new revisions (I6, I10).

In: current revisions that no run has judged. Out: admissions of those whose rows keep their contract, the failing rows
with the expectation they fail, and a gate record; or a refusal of the whole batch, and nothing admitted. Files, in the
order a run goes through them: `stage`, `batch` (what is judged), `suites` (expectations on rows, from the contracts),
`thresholds` (expectations on the batch, from feedwheel.toml), `engine` (Great Expectations itself), `record`.
"""

from pipelines.validate.report import ValidateReport
from pipelines.validate.stage import run

__all__ = ["ValidateReport", "run"]
