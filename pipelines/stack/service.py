"""What a service of the stack is, and how one is brought to where it truly answers.

In: a `Service`. Out: a running process whose readiness check passed, or an error that says why not and ends with what
the service itself wrote last.
"""

import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

import psutil

from pipelines.stack.process import Background, Launch
from schemas.errors import InfrastructureError

ServiceName = Literal["kafka", "mlflow", "serving", "collector", "airflow"]
Outcome = Literal["started", "already running", "external"]
SERVICE_NAMES: Final[tuple[ServiceName, ...]] = get_args(ServiceName)

_POLL_S = 0.2
_RESTART_AFTER_S = 20.0
"""A process that runs but does not answer for so long is started anew."""


@dataclass(frozen=True, slots=True)
class Port:
    """A port that a service listens on, and the setting that moves it."""

    number: int
    setting: str


@dataclass(frozen=True, slots=True)
class Service:
    """One service of the stack.

    `given_by` is the setting by which somebody else runs it: then it is used, and never started or stopped.
    `requires` raises if the machine lacks what its start needs: it is asked before any service is started.
    `prepare` makes what must exist before the start and says what to run. `awaits` returns None once the service
    answers, else what is still missing; it changes nothing and takes a few seconds at most. `complete` makes what must
    exist inside the service; it may run again at any time.
    """

    name: ServiceName
    address: str
    given_by: str | None
    ports: tuple[Port, ...]
    prepare: Callable[[], Launch]
    awaits: Callable[[], str | None]
    complete: Callable[[], object] = lambda: None
    requires: Callable[[], object] = lambda: None
    needs: frozenset[ServiceName] = frozenset()
    timeout_s: float = 120.0
    """From start to ready, with room for a machine ten times as busy: one that dies is noticed at once anyway."""


class StartCancelled(InfrastructureError):
    """Somebody asked to stop waiting; what was started keeps running."""


def bring_up(service: Service, home: Path, cancelled: threading.Event) -> Outcome:
    """Bring `service` to where it can be used, starting it unless it runs or is given.

    Raises InfrastructureError if it is given and does not answer, if a port is taken, if preparation fails, if it ends
    by itself, or if it is not ready in time.
    """
    outcome = _given(service) if service.given_by else _own(service, Background(home, service.name), cancelled)
    service.complete()
    return outcome


def check_before_start(services: Sequence[Service], home: Path) -> None:
    """Raise InfrastructureError for what can be known before anything is started."""
    require_own_ports(services)
    for service in services:
        if not service.given_by and not Background(home, service.name).process():
            service.requires()


def require_own_ports(services: Sequence[Service]) -> None:
    """Raise InfrastructureError, naming both settings, if two services are to listen on one port."""
    taken: dict[int, Port] = {}
    for port in (port for service in services if not service.given_by for port in service.ports):
        other = taken.setdefault(port.number, port)
        if other is not port:
            raise InfrastructureError(
                f"port {port.number} is given twice, by {other.setting} and by {port.setting}: change one of them"
            )


def _given(service: Service) -> Outcome:
    if missing := service.awaits():
        raise InfrastructureError(f"{service.name} is given by {service.given_by}, but {missing}: start or correct it")
    return "external"


def _own(service: Service, background: Background, cancelled: threading.Event) -> Outcome:
    if background.process():
        if _await_ready(service, background, _RESTART_AFTER_S, cancelled) is None:
            return "already running"
        background.stop()
    launch = service.prepare()
    background.stop()  # what a dead one left behind may still hold its ports
    for port in service.ports:
        require_free(port, service.name)
    background.start(launch)
    if missing := _await_ready(service, background, service.timeout_s, cancelled):
        raise InfrastructureError(
            f"{service.name} is not ready after {service.timeout_s:.0f} s: {missing}; "
            f"`feedwheel down {service.name}` ends it; {_last_words(background)}"
        )
    return "started"


def _await_ready(service: Service, background: Background, timeout_s: float, cancelled: threading.Event) -> str | None:
    """None once ready, else what is missing after `timeout_s`. Raises InfrastructureError if it ends."""
    deadline = time.monotonic() + timeout_s
    while missing := service.awaits():
        if background.process() is None:
            raise InfrastructureError(f"{service.name} ended while it started; {_last_words(background)}")
        if time.monotonic() > deadline:
            return missing
        if cancelled.wait(_POLL_S):
            raise StartCancelled(f"{service.name}: no longer waiting for it; `feedwheel down` ends what was started")
    return None


def _last_words(background: Background) -> str:
    return f"it last wrote ({background.log}):\n{background.tail() or '(nothing)'}"


def require_free(port: Port, name: str) -> None:
    """Raise InfrastructureError, naming who has it and the setting that moves us, unless `port` can be bound."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: ignores TIME_WAIT
        try:
            probe.bind(("127.0.0.1", port.number))
        except OSError as error:
            raise InfrastructureError(
                f"{name} cannot have port {port.number}{_holder(port.number)} ({error.strerror}): "
                f"set {port.setting} to a free port, or end what uses it"
            ) from None


def _holder(number: int) -> str:
    try:
        for connection in psutil.net_connections("tcp"):
            at = connection.laddr.port if connection.laddr else None
            if at == number and connection.status == psutil.CONN_LISTEN and connection.pid:
                return f", which {psutil.Process(connection.pid).name()} (pid {connection.pid}) has"
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        pass  # macOS shows other processes' connections to root only
    return ""
