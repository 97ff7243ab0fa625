"""What the stack is doing now: one line for each service, and for the lake and Ray, which have no process of their own.

In: settings. Out: state, address, process, log. Nothing is changed by asking.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pipelines.settings import Settings
from pipelines.stack.probe import listens
from pipelines.stack.process import Background
from pipelines.stack.service import Service
from pipelines.stack.stack import services
from schemas.errors import InfrastructureError

State = Literal["ready", "not ready", "died", "stopped", "external", "unreachable", "in process"]
"""`external` and `unreachable` are given by a setting; what is `in process` runs inside the stage that uses it."""
BAD: frozenset[State] = frozenset({"not ready", "died", "unreachable"})

_LAKE_TIMEOUT_S = 10.0
_RAY_PORT = 6379


@dataclass(frozen=True, slots=True)
class Row:
    """One service. `detail` says what is missing, or what a dead one last wrote."""

    name: str
    state: State
    address: str
    pid: int | None = None
    uptime_s: float | None = None
    log: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class StatusReport:
    """Every service of the deployment."""

    services: tuple[Row, ...]

    @property
    def healthy(self) -> bool:
        """Whether everything that should run can be used; what was never started is no fault."""
        return all(row.state not in BAD for row in self.services)


def status(settings: Settings) -> StatusReport:
    """Ask everything at once; what does not answer is waited for a few seconds."""
    questions: list[Callable[[], Row]] = [_question(service, settings.home) for service in services(settings).values()]
    questions += [lambda: _lake(settings), lambda: _ray(settings)]
    with ThreadPoolExecutor(len(questions)) as pool:
        return StatusReport(tuple(pool.map(lambda ask: ask(), questions)))


def _question(service: Service, home: Path) -> Callable[[], Row]:
    return lambda: _given(service) if service.given_by else _own(service, Background(home, service.name))


def _given(service: Service) -> Row:
    missing = _missing(service)
    return Row(
        service.name, "unreachable" if missing else "external", service.address, detail=missing or service.given_by
    )


def _own(service: Service, background: Background) -> Row:
    match background.state():
        case "stopped":
            return Row(service.name, "stopped", service.address)
        case "died":
            detail = (
                f"it was killed or ended by itself; `feedwheel up {service.name}` starts it again; "
                f"it last wrote:\n{background.tail(5) or '(nothing)'}"
            )
            return Row(service.name, "died", service.address, log=str(background.log), detail=detail)
        case "running":
            missing, started = _missing(service), background.started()
            return Row(
                service.name,
                "not ready" if missing else "ready",
                service.address,
                pid=started.pid if started else None,
                uptime_s=background.uptime_s(),
                log=str(background.log),
                detail=missing,
            )


def _missing(service: Service) -> str | None:
    try:
        return service.awaits()
    except InfrastructureError as error:
        return str(error)


def _lake(settings: Settings) -> Row:
    if settings.lake is None:
        return Row("lake", "in process", settings.lake_url)
    missing = _lake_missing(settings.lake)
    return Row("lake", "unreachable" if missing else "external", settings.lake, detail=missing or "FEEDWHEEL_LAKE")


def _lake_missing(url: str) -> str | None:
    if "://" not in url:
        return None if os.access(url, os.W_OK) else f"{url} is not a directory that this user can write to"
    # Only for a remote lake: importing the client takes a second.
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    from pipelines.io.lake import Lake

    pool = ThreadPoolExecutor(1)
    try:
        pool.submit(DeltaTable, Lake(url).uri("bronze/generations")).result(_LAKE_TIMEOUT_S)
    except TableNotFoundError as error:
        # The store answered that there is no table yet, unless nobody knows such stores.
        return str(error).partition(".")[0] if "Unknown scheme" in str(error) else None
    except (DeltaError, OSError, ValueError, Late) as error:
        return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    finally:
        pool.shutdown(wait=False)
    return None


def _ray(settings: Settings) -> Row:
    address = settings.ray_address
    if address is None or address in ("local", "auto"):
        return Row("ray", "in process", address or "local")
    parts = urlsplit(address if "://" in address else f"ray://{address}")
    if parts.hostname and listens(parts.hostname, parts.port or _RAY_PORT):
        return Row("ray", "external", address, detail="RAY_ADDRESS")
    return Row("ray", "unreachable", address, detail=f"no answer at {address}")
