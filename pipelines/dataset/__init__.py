"""Data sets: candidates to evaluation, finetuning and preference sets that can be derived again (I3, I5, I8).

In: gold/candidates. Out: gold/datasets/examples and gold/datasets/manifests. `stage` builds; `bias` reports
on what it was built from; `manifest` is what makes a set exist; `replay` (with `rebuild`) proves it; `compare` and
`files` show it.
"""

from pipelines.dataset.stage import DatasetReport, run

__all__ = ["DatasetReport", "run"]
