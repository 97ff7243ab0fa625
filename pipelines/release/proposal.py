"""Proposing a model to serving: registry, ops/releases, control log, in this order, each once.

In: a model and the verdict that allows it. Out: a proposal on the control log, which serving acts on. Killed anywhere,
the next run finds what is there and goes on.
"""

from typing import Any

import pyarrow.compute as pc
from feedwheel_capture.events import Control, Decision, ModelRef, Proposal
from feedwheel_capture.ids import uuid7
from feedwheel_capture.vocabulary import GateVerdict

from feedback.rollout import Rollout
from pipelines.context import Context
from pipelines.io.control import append_control, read_control
from pipelines.io.mlflow import Tracking
from pipelines.io.models import local_path
from pipelines.release.aliases import follow, register
from pipelines.trained import TrainedModel
from schemas.errors import NothingToDo


def propose(
    context: Context, app: str, model: TrainedModel, artefact: ModelRef, verdict: GateVerdict, rationale: str
) -> str:
    """The id of the release. Raises NothingToDo if it was proposed, or while another one is on trial."""
    local_path(artefact)  # serving would refuse what is not there
    release_id = check_free(context, app, artefact)
    register(context, Tracking(context.settings.mlflow), app, artefact)
    release_id = release_id or _write_release(context, model, artefact)
    rules = context.config.canary_of(app)
    proposal = Proposal(
        app=app,
        release_id=release_id,
        model=artefact,
        verdict=verdict,
        share=rules.share,
        rationale=rationale,
        shadow_share=rules.shadow_share,
    )
    append_control(context.settings.kafka, proposal, context.clock)
    follow(context, app)
    return release_id


def check_free(context: Context, app: str, artefact: ModelRef) -> str | None:
    """The id that a release of this artefact has already, if any, where nothing stands against proposing it.

    Raises NothingToDo if it was proposed, or while another one is on trial.
    """
    records = read_control(context.settings.kafka, app)
    rollout, release_id = Rollout.of(records), released_as(context, app, artefact)
    if release_id is not None and _is_known(records, release_id):
        is_back = dict(rollout.endings).get(release_id) == "ROLLBACK"
        what_next = " and rolled back, which is final: train a model again" if is_back else ""
        raise NothingToDo(f"model {artefact.version} was proposed already: release {release_id}{what_next}")
    if rollout.trial is not None:
        raise NothingToDo(
            f"release {rollout.trial.release_id} is on trial: wait for its end, or run `feedwheel rollback`"
        )
    return release_id


def released_as(context: Context, app: str, artefact: ModelRef) -> str | None:
    """The id of the release of this artefact, if ops/releases has one."""
    where = (pc.field("app") == app) & (pc.field("model_digest") == artefact.digest)
    rows = context.lake.read("ops/releases", ["release_id", "model_version"], where).to_pylist()
    return next((row["release_id"] for row in rows if row["model_version"] == artefact.version), None)


def _is_known(records: list[Control], release_id: str) -> bool:
    return any(isinstance(record, Proposal | Decision) and record.release_id == release_id for record in records)


def _write_release(context: Context, model: TrainedModel, artefact: ModelRef) -> str:
    released_at = context.clock()
    row: dict[str, Any] = {
        "release_id": uuid7(released_at),
        "app": model.app,
        "model_version": artefact.version,
        "model_uri": artefact.uri,
        "model_digest": artefact.digest,
        "base_digest": model.base_digest,
        "dataset_id": model.dataset_id,
        "mlflow_run_id": model.mlflow_run_id,
        "released_at": released_at,
    }
    context.lake.append("ops/releases", [row])
    return str(row["release_id"])
