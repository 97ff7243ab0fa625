"""One `up` or `down` of a deployment at a time: a file lock, which the system releases however the holder ends."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from schemas.errors import InfrastructureError

_WAIT_S = 600.0
"""A first start downloads jars and exports a model; longer than this and something hangs."""
_POLL_S = 0.2


@contextmanager
def exclusive(home: Path, waiting: Callable[[str], None], wait_s: float = _WAIT_S) -> Iterator[None]:
    """Hold the deployment's lock; `waiting` is told once who has it. Raises InfrastructureError after `wait_s`."""
    path = home / "run" / "lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        if not _locked(file):
            holder = f"another feedwheel command (pid {path.read_text() or 'unknown'}) is working on this stack"
            waiting(f"waiting: {holder}")
            deadline = time.monotonic() + wait_s
            while not _locked(file):
                if time.monotonic() > deadline:
                    raise InfrastructureError(f"{holder} and does not end: end it, then try again")
                time.sleep(_POLL_S)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
