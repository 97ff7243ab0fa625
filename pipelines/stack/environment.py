"""The environment of the stack's own processes: every setting as the variables that name it, paths absolute.

A child may have another working directory (Airflow's tasks do), so relative paths, `.env` and the local secrets are
resolved here, once, and all processes of a deployment see the same settings.
"""

import os
import sys
from pathlib import Path

from pydantic import SecretStr

from pipelines.settings import Settings
from schemas.reporting import REPORTING_OFF

_QUIET = REPORTING_OFF | {
    # Deprecations inside libraries are for their makers; a log is for the operator.
    "PYTHONWARNINGS": "ignore",
    "NO_COLOR": "1",
}


def environment(settings: Settings) -> dict[str, str]:
    """Variables for a process of ours. They hold the secrets, as the environment of a deployment does."""
    given = {type(settings).variable(name): _text(value) for name, value in _values(settings) if value is not None}
    return given | bare_environment()


def bare_environment() -> dict[str, str]:
    """Variables for a program that needs none of our settings."""
    # Programs of this environment, such as `airflow`, call each other by name.
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    return {"PATH": path} | _QUIET


def _values(settings: Settings) -> list[tuple[str, object]]:
    values = {name: getattr(settings, name) for name in type(settings).model_fields}
    if settings.lake:
        values["lake"] = settings.lake if "://" in settings.lake else Path(settings.lake)
    return list(values.items())


def _text(value: object) -> str:
    match value:
        case SecretStr():
            return value.get_secret_value()
        case Path():
            return str(value.absolute())
    return str(value)
