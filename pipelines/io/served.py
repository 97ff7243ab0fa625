"""A serving process of one's own, around one model artefact: the engine that will answer people, without its records.

In: a model directory. Out: the base URL of a process that answers as serving would, while the context lasts.
"""

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import httpx

from schemas.errors import InfrastructureError

_HOST: Final = "127.0.0.1"
_READY_TIMEOUT_S: Final = 180.0
"""Loading takes seconds; a machine that builds other things at the same time takes many of them."""
_POLL_S: Final = 0.1
_STOP_TIMEOUT_S: Final = 10.0
_TAIL_BYTES: Final = 2000


@contextmanager
def served(model_dir: Path) -> Iterator[str]:
    """Serve `model_dir` offline: no Kafka, no events, no rollout. Raises InfrastructureError."""
    port = _free_port()
    command = [sys.executable, "-m", "serving", "--offline", "--model-dir", str(model_dir), "--port", str(port)]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            base_url = f"http://{_HOST}:{port}"
            _await_ready(process, base_url, model_dir, output)
            yield base_url
        finally:
            _stop(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _await_ready(process: "subprocess.Popen[bytes]", base_url: str, model_dir: Path, output: IO[bytes]) -> None:
    deadline = time.monotonic() + _READY_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise InfrastructureError(f"serving {model_dir} ended with {process.returncode}: {_tail(output)}")
        if _is_ready(base_url):
            return
        time.sleep(_POLL_S)
    raise InfrastructureError(f"serving {model_dir} is not ready after {_READY_TIMEOUT_S:.0f} s: {_tail(output)}")


def _is_ready(base_url: str) -> bool:
    try:
        return httpx.get(f"{base_url}/readyz", timeout=2.0, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _tail(output: IO[bytes]) -> str:
    output.seek(max(0, output.seek(0, 2) - _TAIL_BYTES))
    return output.read().decode(errors="replace").strip()


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
