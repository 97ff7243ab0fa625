"""The local MLflow: tracking and registry on SQLite, artefacts as plain files that clients write themselves."""

import sys

from pipelines.settings import Settings
from pipelines.stack.environment import bare_environment
from pipelines.stack.probe import awaits_ok
from pipelines.stack.process import Launch
from pipelines.stack.service import Port, Service

_PYTHON = (sys.executable, "-m", "mlflow", "server")


def mlflow_service(settings: Settings) -> Service:
    """The tracking server of this deployment."""
    directory = settings.home.absolute() / "mlflow"

    def prepare() -> Launch:
        directory.mkdir(parents=True, exist_ok=True)
        return Launch(
            (
                *_PYTHON,
                *("--host", "127.0.0.1", "--port", str(settings.mlflow_port)),
                *("--backend-store-uri", f"sqlite:///{directory / 'mlflow.db'}"),
                # On one machine, sending a model through the server only costs time.
                *("--no-serve-artifacts", "--default-artifact-root", str(directory / "artifacts")),
                *("--workers", "1"),  # 280 MB each, and SQLite takes one writer
            ),
            # Its background jobs evaluate traces, which we do not send, in five more processes.
            bare_environment() | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        )

    return Service(
        name="mlflow",
        address=settings.mlflow,
        given_by="MLFLOW_TRACKING_URI" if settings.mlflow_tracking_uri else None,
        ports=(Port(settings.mlflow_port, "FEEDWHEEL_MLFLOW_PORT"),),
        prepare=prepare,
        awaits=lambda: _awaits(settings.mlflow),
        timeout_s=240,  # 7 s alone, 19 s while everything else starts
    )


def _awaits(uri: str) -> str | None:
    # A database or directory given as tracking URI has no server to wait for.
    return awaits_ok(f"{uri.rstrip('/')}/health") if uri.startswith(("http://", "https://")) else None
