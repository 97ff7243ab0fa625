"""Extract: bronze to silver, by recomputing the conversations that new rows or silence touch (I1, I3, I10).

In: accepted rows of bronze that no earlier run has taken, and conversations whose silence is due. Out: new revisions of
those conversations in the append-only silver tables. Files, in the order a run goes through them: `stage`, `marks`
(what is taken already), `arrivals` (what is new), `state` and `routing` (which conversations that touches), `recompute`
in the workers of `pipeline` (with `decode` and `rows` at its edges), `commit`.
"""

from pipelines.extract.commit import fence
from pipelines.extract.report import ExtractReport
from pipelines.extract.stage import run

__all__ = ["ExtractReport", "fence", "run"]
