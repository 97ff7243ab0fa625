"""MLflow's aliases after the control log: `@champion` and `@challenger` of `feedwheel-<app>`.

In: the control log, which decides. Out: registered versions with these aliases. Doing it again changes nothing. What
serving decides, the next release shows.
"""

import logging
from dataclasses import dataclass
from typing import Final

from feedwheel_capture.events import ModelRef

from feedback.rollout import Rollout
from pipelines.context import Context
from pipelines.io.control import read_control
from pipelines.io.mlflow import Tracking
from pipelines.io.models import path_of
from pipelines.trained import find_model
from schemas.errors import InfrastructureError

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MirrorReport:
    """The versions that the aliases name; None where there is none."""

    registered_model: str
    champion: str | None
    challenger: str | None


def registered_name(app: str) -> str:
    """Name of an application's model in the registry."""
    return f"feedwheel-{app}"


def mirror(context: Context, app: str) -> MirrorReport:
    """Let MLflow show what the control log says. Raises InfrastructureError."""
    rollout = Rollout.of(read_control(context.settings.kafka, app))
    tracking, name = Tracking(context.settings.mlflow), registered_name(app)
    named = {"champion": rollout.champion, "challenger": rollout.trial.model if rollout.trial else None}
    for model in filter(None, named.values()):
        register(context, tracking, app, model)
    versions = {alias: model.version if model else None for alias, model in named.items()}
    for alias, version in versions.items():
        tracking.set_alias(name, alias, version)
    return MirrorReport(name, **versions)


def follow(context: Context, app: str) -> None:
    """As `mirror`, after a decision that is in force: without MLflow its aliases are late, and nothing has failed."""
    try:
        mirror(context, app)
    except InfrastructureError as error:
        _LOG.warning("what was decided is in force; MLflow's aliases follow with the next release: %s", error)


def register(context: Context, tracking: Tracking, app: str, model: ModelRef) -> str:
    """MLflow's number of a model's version; a trained one is registered from its training run."""
    name = registered_name(app)
    trained = find_model(context.lake, app, model.version)
    if trained is None:
        run_id = tracking.start_run(name, model.version, {}, {"feedwheel.stage": "baseline"})
        number = tracking.register(name, model, run_id, None, {})
        tracking.end_run(run_id)
        return number
    tags = {"feedwheel.dataset_id": trained.dataset_id, "feedwheel.content_hash": trained.content_hash}
    return tracking.register(name, model, trained.mlflow_run_id, path_of(trained.adapter_uri), tags)
