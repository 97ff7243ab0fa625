"""Processes that record until they are killed, by themselves at a named point or by a test.

A client writes the id of an event once it has it: from then on the event may not be lost, whatever is killed. Imports
take longer than a life: so one process imports everything once and is forked for each that is to die, which has its
own settings in its environment.
"""

import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import IO, Any, Literal

from feedwheel_capture import Capture, outbox, spool  # noqa: F401  # the outbox is what the first event would import
from feedwheel_capture.spool import DEFAULT_MAX_BYTES, Spool

from feedback.capture.collector.__main__ import main as collect

Role = Literal["client", "collector"]

CLIENT_POINTS = (
    "half a record written",
    "record written",
    "segment full",
    "published",
    "position written",
    "segment removed",
)
COLLECTOR_POINTS = ("events stored", "published", "position written")
PASSES = 20
"""A point is passed so often before the process dies there: there is something to lose."""
SEGMENT_BYTES = 20_000
"""Some twenty events: segments begin and go all the time."""


def die() -> None:
    """As a crash would: nothing is flushed, nothing is closed."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_at(owner: Any, name: str, *, before: bool = False) -> None:
    """Die at one of the calls of a function, before or after what it does."""
    original: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def dying(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if before and calls >= PASSES:
            die()
        result = original(*args, **kwargs)
        if calls >= PASSES:
            die()
        return result

    setattr(owner, name, dying)


def half_written(file: int, data: bytes) -> int:
    """Write half of what is to be written, and die."""
    os.pwrite(file, data[: len(data) // 2], os.fstat(file).st_size)
    die()
    return 0


class Torn:
    """`os`, whose writes are whole until one is not."""

    def __init__(self) -> None:
        self._writes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def write(self, file: int, data: bytes) -> int:
        """Write."""
        self._writes += 1
        return half_written(file, data) if self._writes >= PASSES else os.write(file, data)


def arrange(point: str) -> None:
    """Make this process die at a point."""
    Spool.__init__.__defaults__ = (DEFAULT_MAX_BYTES, SEGMENT_BYTES)
    match point:
        case "half a record written":
            spool.os = Torn()
        case "record written":
            die_at(Spool, "write")
        case "events stored":
            die_at(Spool, "append")
        case "segment full":
            die_at(Spool, "_open_segment", before=True)
        case "published":
            die_at(Spool, "acknowledge", before=True)
        case "position written":
            die_at(spool._AcknowledgedFile, "write")
        case "segment removed":
            die_at(Path, "unlink")


def record() -> None:
    """Answers without end, ten to a conversation."""
    capture = Capture(raise_errors=True)
    asked, number = [{"role": "user", "content": "Where is my card?"}], 0
    while True:
        conversation = f"{os.getpid()}-{number // 10}"
        answered = capture.generation(asked, "card arrival", model="m", user="ann", conversation_id=conversation)
        os.write(1, f"{answered.event_id}\n".encode())
        number += 1
        time.sleep(0.001)


@dataclass
class Dying:
    """One such process; whoever has it reads what it writes."""

    process: BaseProcess
    out: IO[bytes]

    @classmethod
    def start(cls, role: Role, point: str, environment: Mapping[str, str]) -> "Dying":
        reads, writes = _FORKS.Pipe(duplex=False)
        process = _FORKS.Process(target=_run, args=(role, point, dict(environment), writes), daemon=True)
        process.start()
        writes.close()
        with reads:
            return cls(process, os.fdopen(os.dup(reads.fileno()), "rb"))

    def kill(self) -> None:
        self.process.kill()

    def ended(self, timeout_s: float = 0.0) -> int | None:
        """How it ended, as subprocess has it; None if it goes on after so long."""
        self.process.join(timeout_s)
        return self.process.exitcode


_FORKS = get_context("forkserver")
_FORKS.set_forkserver_preload([__name__])


def _run(role: Role, point: str, environment: Mapping[str, str], out: Connection) -> None:
    os.dup2(out.fileno(), 1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    os.environ.update(environment)
    arrange(point)
    if role == "client":
        record()
    else:
        collect()
