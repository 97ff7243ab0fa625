"""By what an application's conversations are judged, and were.

In: its configuration, ops/calibrations and silver. Out: the judge of the next extract, and the one behind silver.
"""

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from feedback.calibration import STATED, Calibrations
from feedback.dissatisfaction.model import model_in
from feedback.judge import Judge
from feedback.taxonomy import weights
from pipelines.context import Context
from pipelines.io.lake import Lake
from pipelines.silver import rows_of
from schemas.config import Config
from schemas.errors import InfrastructureError


def judge_now(context: Context, app: str) -> Judge:
    """The judge of `app`, by what was learned last."""
    return judge_by(context.config, newest_calibrations(context.lake, app))


def judge_by(config: Config, calibrations: Calibrations) -> Judge:
    """The judge that a configuration wants. Raises UsageError if it names weights that are not there."""
    return Judge(weights(config.signals), calibrations, model_in(config.extraction.weights))


def newest_calibrations(lake: Lake, app: str) -> Calibrations:
    """What was learned last from the labels of `app`; nothing, if `feedwheel calibrate` never found anything."""
    rows = lake.read("ops/calibrations", ["run_id", "calibrations"], pc.field("app") == app).to_pylist()
    return _decoded(max(rows, key=lambda row: row["run_id"])["calibrations"]) if rows else STATED


def judge_behind(context: Context, app: str, revisions: pa.Table) -> Judge:
    """The one judge of all `revisions`, whose calibrations may no longer be the newest; nothing is mixed.

    Raises InfrastructureError if there were several, or other rules than those of now: until extract has run.
    """
    found = rows_of(context.lake, "silver/conversations", app, revisions, ["judged_by"]).column("judged_by").unique()
    judge = judge_now(context, app)
    (version,) = found.to_pylist() if len(found) == 1 else [None]
    rules, _, calibrations = (version or "").partition("/")
    if len(found) and rules != judge.rules:
        raise InfrastructureError(
            f"{app}: conversations were judged by other rules than those of now, and a data set mixes none: run "
            "`feedwheel extract`, which judges all of them again, and `feedwheel validate`"
        )
    return judge_by(context.config, _calibrations(context.lake, app, calibrations))


def _calibrations(lake: Lake, app: str, version: str) -> Calibrations:
    where = (pc.field("app") == app) & (pc.field("version") == version)
    rows = lake.read("ops/calibrations", ["calibrations"], where).column("calibrations")
    return _decoded(rows[0].as_py()) if len(rows) else STATED


def _decoded(stored: str) -> Calibrations:
    return msgspec.json.decode(stored, type=Calibrations)
