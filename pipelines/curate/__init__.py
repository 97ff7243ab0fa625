"""Curate: admitted conversations to candidates, the examples that people's signals support (I3, I4, I5, I10).

In: silver. Out: gold/candidates, gold/dropped, gold/labelled, gold/curations. Files, in the order a run goes through
them: `stage`, `evidence` (what is read), `labelled` (what is known of it), `steps` (all of it in order), `examples`
(one conversation, in a Ray worker), `record` (the commit). The rules are pure and elsewhere: `feedback.labels`,
`feedback.near_duplicates`, `feedback.select`.
"""

from pipelines.curate.stage import CurateReport, run

__all__ = ["CurateReport", "run"]
