"""Release: from a gate record to a proposal, and what people decide beside it (I6, design section 5).

In: ops/gates, a person's word. Out: records on the control log, which is the truth; ops/releases and MLflow follow it.
`stage` decides, `proposal` proposes, `baseline` names the first champion, `aliases` keeps MLflow's aliases.
"""

from pipelines.release.aliases import MirrorReport, mirror
from pipelines.release.baseline import ensure_baseline
from pipelines.release.stage import ReleaseReport, RollbackReport, promote, rollback, run

__all__ = ["MirrorReport", "ReleaseReport", "RollbackReport", "ensure_baseline", "mirror", "promote", "rollback", "run"]
