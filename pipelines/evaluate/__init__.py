"""Evaluate: a trained model to a gate record (I5, I6).

In: ops/models, the champion by the control log, the evaluation set of the newest data set. Out: the deployable artefact
and a row of ops/gates. `stage` goes through the steps; `candidate` exports, `parity` checks the export, `items`
chooses, `answers` asks; the verdict is `feedback.gate`'s.
"""

from pipelines.evaluate.stage import EvaluateReport, run

__all__ = ["EvaluateReport", "run"]
