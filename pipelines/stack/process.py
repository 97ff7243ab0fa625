"""One background process of the stack: started in a session of its own, found again later, ended whole.

In: what to run. Out: `<home>/run/<name>.json` (pid and start time) and `<home>/logs/<name>.log`. Only processes of the
session that this file records are ever signalled: a reused pid has another start time, and is left alone.
"""

import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec
import psutil

from schemas.errors import InfrastructureError

State = Literal["running", "died", "stopped"]

_SAME_START_S = 2.0
"""psutil derives a start time from the system clock, which may be corrected while the process runs."""
_TERM_GRACE_S = 40.0
"""Serving goes on answering what it has accepted for 20 s, and waits up to 15 more for who reads slowly."""
_KILL_GRACE_S = 5.0


@dataclass(frozen=True, slots=True)
class Launch:
    """What to run: arguments, and what its environment has besides ours."""

    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


class Started(msgspec.Struct, frozen=True):
    """The pid file."""

    pid: int
    created: float
    """Start time of the process, seconds since the epoch."""
    log_from: int
    """Size of the log when it was started: what this process wrote begins there."""


@dataclass(frozen=True, slots=True)
class Background:
    """The process called `name` of the deployment at `home`."""

    home: Path
    name: str

    @property
    def log(self) -> Path:
        """What it writes on its standard output and error."""
        return self.home / "logs" / f"{self.name}.log"

    @property
    def _pid_file(self) -> Path:
        return self.home / "run" / f"{self.name}.json"

    def started(self) -> Started | None:
        """The pid file, or None if it was never started or was stopped. An unreadable file counts as none."""
        try:
            return msgspec.json.decode(self._pid_file.read_bytes(), type=Started)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def process(self) -> psutil.Process | None:
        """The process if it runs; None if it ended, or if its pid now belongs to another."""
        started = self.started()
        return _running(started) if started else None

    def state(self) -> State:
        """`died` means that it was started, was not stopped, and does not run."""
        if self.started() is None:
            return "stopped"
        return "running" if self.process() else "died"

    def start(self, launch: Launch) -> None:
        """Start it in a new session. What is left of an earlier one that died is killed first."""
        self.kill()
        for path in (self.log, self._pid_file):
            path.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            log_from = log.tell()
            pid = _spawn(launch, log.fileno())
        started = Started(pid, psutil.Process(pid).create_time(), log_from)
        # Replaced whole: a reader sees the old file or the new one.
        draft = self._pid_file.with_suffix(".draft")
        draft.write_bytes(msgspec.json.encode(started))
        draft.replace(self._pid_file)

    def stop(self, grace_s: float = _TERM_GRACE_S) -> bool:
        """End every process of its session, TERM first, KILL after `grace_s`. Returns whether there was any."""
        started = self.started()
        members = _session(started) if started else []
        _signal(members, signal.SIGTERM)
        psutil.wait_procs(members, grace_s)
        self.kill()
        self._pid_file.unlink(missing_ok=True)
        return bool(members)

    def kill(self) -> None:
        """End its whole session as a crash would; the pid file stays. Raises InfrastructureError if one survives."""
        started = self.started()
        rest = _session(started) if started else []
        _signal(rest, signal.SIGKILL)
        if left := psutil.wait_procs(rest, _KILL_GRACE_S)[1]:
            raise InfrastructureError(f"{self.name}: process {left[0].pid} does not end: end it by hand")

    def tail(self, lines: int = 15) -> str:
        """The last `lines` that the present or last process wrote."""
        started = self.started()
        try:
            with self.log.open("rb") as log:
                size = log.seek(0, os.SEEK_END)
                log.seek(max(started.log_from if started else 0, size - lines * 500))
                text = log.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def uptime_s(self) -> float | None:
        """Seconds since it was started, None if it does not run."""
        process = self.process()
        return max(0.0, time.time() - process.create_time()) if process else None


def _spawn(launch: Launch, log: int) -> int:
    """Start a process in a session of its own. Raises InfrastructureError if there is no such program.

    Not subprocess: its Popen expects to outlive the process, and this one outlives us.
    """
    try:
        return os.posix_spawnp(
            launch.argv[0],
            list(launch.argv),
            {**os.environ, **launch.environment},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, log, 1),
                (os.POSIX_SPAWN_DUP2, log, 2),
            ],
            setsid=True,
            setsigdef=[signal.SIGPIPE],  # Python ignores it, and children would inherit that
        )
    except OSError as error:
        raise InfrastructureError(f"cannot start {launch.argv[0]}: {error.strerror}") from error


def _running(started: Started) -> psutil.Process | None:
    try:
        process = psutil.Process(started.pid)
        if abs(process.create_time() - started.created) > _SAME_START_S:
            return None
        if process.status() == psutil.STATUS_ZOMBIE:
            process.wait(0)  # reaps it if it is our child; else its parent will
            return None
    except (psutil.NoSuchProcess, psutil.TimeoutExpired):
        return None
    return process


def _session(started: Started) -> list[psutil.Process]:
    """Every process of the session that `started` leads, and their descendants in sessions of their own.

    Members outlive their leader (Airflow's workers do). While any of them lives, the system does not give the leader's
    pid to another process, so a session of this number is ours unless a process of this number has another start time.
    """
    leader = _running(started)
    if leader is None and _alive(started.pid):
        return []
    members = [process for process in psutil.process_iter() if _session_of(process) == started.pid]
    found = {process.pid: process for process in members if _alive(process.pid)}
    for member in members:
        try:
            found.update({child.pid: child for child in member.children(recursive=True)})
        except psutil.NoSuchProcess:
            continue
    return list(found.values())


def _alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _session_of(process: psutil.Process) -> int | None:
    try:
        return os.getsid(process.pid)
    except (ProcessLookupError, PermissionError):
        return None


def _signal(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue
