"""MLflow: runs and the model registry, which mirrors what the control log decides.

In: names, parameters, metrics, references of models. Out: what an operator sees in MLflow. Nothing is decided by it. A
run and a model version carry the key of what they are about, so doing the same again finds them instead of adding more.
"""

import functools
import logging
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

import msgspec
from feedwheel_capture.events import ModelRef

from schemas.errors import InfrastructureError

if TYPE_CHECKING:
    from mlflow import MlflowClient

_KEY: Final = "feedwheel.key"
"""Tag by which a run is found again."""
_VERSION: Final = "feedwheel.version"
"""Tag of a registered version: the version that control events name; MLflow counts its own."""
_REFERENCE: Final = "model_ref.json"
_ARTIFACTS: Final = "model"

_P = ParamSpec("_P")
_R = TypeVar("_R")


def _reaching_mlflow(function: Callable[_P, _R]) -> Callable[_P, _R]:
    @functools.wraps(function)
    def wrapped(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        from mlflow.exceptions import MlflowException

        try:
            return function(*args, **kwargs)
        except MlflowException as error:
            raise InfrastructureError(f"MLflow: {str(error)[:300]}: see `feedwheel status`, then run again") from error

    return wrapped


class Tracking:
    """One tracking server with its registry. Every method raises InfrastructureError if it does not do its part."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    @functools.cached_property
    def _client(self) -> "MlflowClient":
        # Its own retries last minutes; the scheduler's come after them.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        # What a command prints is its own report, which may have to be JSON.
        os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
        from mlflow import MlflowClient

        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        return MlflowClient(tracking_uri=self._uri, registry_uri=self._uri)

    @_reaching_mlflow
    def start_run(self, experiment: str, key: str, params: Mapping[str, object], tags: Mapping[str, str]) -> str:
        """The id of the run about `key`, started if there is none, under way again if there is one."""
        known = self._client.get_experiment_by_name(experiment)
        experiment_id = known.experiment_id if known else self._client.create_experiment(experiment)
        found = self._client.search_runs([experiment_id], f"tags.`{_KEY}` = '{key}'", max_results=1)
        if found:
            run_id = str(found[0].info.run_id)
            self._client.update_run(run_id, status="RUNNING")
            return run_id
        run = self._client.create_run(experiment_id, run_name=key, tags={_KEY: key, **tags})
        for name, value in params.items():
            self._client.log_param(run.info.run_id, name, value)
        return str(run.info.run_id)

    @_reaching_mlflow
    def log_dataset(self, run_id: str, name: str, digest: str, source: str, rows: int) -> None:
        """Say which data set a run used."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        profile = msgspec.json.encode({"num_rows": rows}).decode()
        # MLflow keeps 36 characters of a digest; the whole one is among the parameters.
        dataset = Dataset(name=name, digest=digest[:36], source_type="delta", source=source, profile=profile)
        tag = InputTag(key="mlflow.data.context", value="training")
        self._client.log_inputs(run_id, [DatasetInput(dataset=dataset, tags=[tag])])

    @_reaching_mlflow
    def log_metrics(self, run_id: str, metrics: Mapping[str, float], step: int = 0) -> None:
        """Add figures to a run."""
        for name, value in metrics.items():
            self._client.log_metric(run_id, name, value, step=step)

    @_reaching_mlflow
    def end_run(self, run_id: str, *, failed: bool = False) -> None:
        """Close a run."""
        self._client.set_terminated(run_id, "FAILED" if failed else "FINISHED")

    @_reaching_mlflow
    def register(self, name: str, model: ModelRef, run_id: str, files: Path | None, tags: Mapping[str, str]) -> str:
        """MLflow's number of a model's version, registered if it is not.

        What is stored is the reference (where the artefact lies and its digest) and the files of its own: the adapter
        or the weights, without a base that many share.
        """
        if (number := self._number_of(name, model.version)) is not None:
            return number
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / _REFERENCE).write_bytes(msgspec.json.encode(model))
            self._client.log_artifacts(run_id, folder, _ARTIFACTS)
        if files is not None:
            self._client.log_artifacts(run_id, str(files), f"{_ARTIFACTS}/files")
        source = f"{self._client.get_run(run_id).info.artifact_uri}/{_ARTIFACTS}"
        about = {_VERSION: model.version, "feedwheel.digest": model.digest, "feedwheel.uri": model.uri, **tags}
        return str(self._client.create_model_version(name, source, run_id=run_id, tags=about).version)

    def _number_of(self, name: str, version: str) -> str | None:
        from mlflow.exceptions import MlflowException

        try:
            self._client.get_registered_model(name)
        except MlflowException:
            self._client.create_registered_model(name)
        found = [
            known.version
            for known in self._client.search_model_versions(f"name = '{name}'")
            if known.tags.get(_VERSION) == version
        ]
        return str(found[0]) if found else None

    @_reaching_mlflow
    def set_alias(self, name: str, alias: str, model_version: str | None) -> None:
        """Point an alias at a registered version, or at nothing."""
        number = None if model_version is None else self._number_of(name, model_version)
        present = self._client.get_registered_model(name).aliases.get(alias)
        if number is None and present is not None:
            self._client.delete_registered_model_alias(name, alias)
        elif number is not None and str(present) != number:
            self._client.set_registered_model_alias(name, alias, number)
