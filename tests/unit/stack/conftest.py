"""Small services that behave, hang, refuse or die, each a real process."""

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.stack.process import Background, Launch
from pipelines.stack.service import SERVICE_NAMES, Port, Service
from tests.ports import free_port, is_free

SERVES = "import http.server, sys; http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), None).serve_forever()"
HANGS = "import time; time.sleep(600)"
DIES = "import sys; print('cannot open the frobnicator', file=sys.stderr); sys.exit(3)"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home directory whose processes are ended with the test."""
    home = tmp_path / "home"
    yield home
    for name in (*SERVICE_NAMES, "it"):
        Background(home, name).stop(grace_s=0.1)


@pytest.fixture
def service() -> Callable[..., Service]:
    """Make services: `service()` serves a free port; `service(program=DIES)` or any field of Service replaced."""

    def make(name: Any = "mlflow", program: str = SERVES, port: int | None = None, **replaced: Any) -> Service:
        number = port or free_port()
        fields: dict[str, Any] = {
            "address": f"127.0.0.1:{number}",
            "given_by": None,
            "ports": (Port(number, "FEEDWHEEL_MLFLOW_PORT"),),
            "prepare": lambda: Launch([sys.executable, "-c", program, str(number)]),
            "awaits": lambda: f"no answer at port {number}" if is_free(number) else None,
            "timeout_s": 10.0,
        }
        return Service(name=name, **{**fields, **replaced})

    return make


@pytest.fixture
def never() -> threading.Event:
    """Nobody cancels."""
    return threading.Event()
