"""Servers to measure, each a process of its own with a free port, until the block ends."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from pipelines.stack.paths import REPOSITORY
from tests.ports import free_port


@contextmanager
def _process(command: Sequence[str], url: str, health: str, env: dict[str, str] | None = None) -> Iterator[str]:
    with tempfile.NamedTemporaryFile(suffix=".log") as log:
        running = subprocess.Popen(command, stdout=log, stderr=log, cwd=REPOSITORY, env=env)
        try:
            deadline = time.monotonic() + 120
            while not is_up(f"{url}{health}"):
                if running.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(Path(log.name).read_text("utf-8", errors="replace")[-2000:])
                time.sleep(0.1)
            yield url
        finally:
            running.terminate()
            running.wait(30)


def is_up(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).is_success
    except httpx.TransportError:
        return False


@contextmanager
def feedwheel(model_dir: Path) -> Iterator[str]:
    """Serving of one model, without a deployment."""
    port = free_port()
    command = [sys.executable, "-m", "serving", "--offline", "--model-dir", str(model_dir), "--port", str(port)]
    with _process(command, f"http://127.0.0.1:{port}", "/readyz") as url:
        yield url


@contextmanager
def llama_cpp(server: Path, gguf: Path, rows: int, threads: int) -> Iterator[str]:
    """llama.cpp's server with continuous batching and its prefix cache, which are on by default."""
    port = free_port()
    command = [
        str(server), "-m", str(gguf), "--port", str(port), "--parallel", str(rows), "--threads", str(threads),
        "--threads-batch", str(threads), "--ctx-size", str(rows * 512),
    ]  # fmt: skip
    with _process(command, f"http://127.0.0.1:{port}", "/health") as url:
        yield url
