"""The stack as a whole: up, down.

In: settings, names of services. Out: what happened to each. Services start side by side as soon as what they need is
ready; one that fails stops nothing but those that need it. A service given by a setting is used and left alone.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipelines.settings import Settings
from pipelines.stack.airflow import airflow_service
from pipelines.stack.collector import collector_service
from pipelines.stack.exclusive import exclusive
from pipelines.stack.kafka import kafka_service
from pipelines.stack.mlflow import mlflow_service
from pipelines.stack.process import Background
from pipelines.stack.service import SERVICE_NAMES, Outcome, Service, ServiceName, bring_up, check_before_start
from pipelines.stack.serving import serving_service
from schemas.errors import FeedwheelError, InfrastructureError

_DOWN_ORDER: tuple[tuple[ServiceName, ...], ...] = (("airflow", "serving", "collector", "mlflow"), ("kafka",))
"""Kafka goes last: what serving and the collector have spooled is published while they stop."""
_SAY_EVERY_S: Final = 20.0
"""A first start takes a minute or two, and one from everything built ten seconds."""


@dataclass(frozen=True, slots=True)
class Up:
    """A service that can be used, and how long that took from the beginning of `up`."""

    name: ServiceName
    outcome: Outcome
    address: str
    seconds: float


@dataclass(frozen=True, slots=True)
class UpReport:
    """Every service asked for, and those they need."""

    services: tuple[Up, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class DownReport:
    """Services that were ended; the others were not running."""

    ended: tuple[ServiceName, ...]
    seconds: float


class StackFailed(InfrastructureError):
    """Some services could not be brought up. `up` holds those that could."""

    def __init__(self, message: str, up: tuple[Up, ...]) -> None:
        super().__init__(message)
        self.up = up


def services(settings: Settings) -> dict[ServiceName, Service]:
    """Every service of the deployment, in an order in which each comes after what it needs."""
    every = (kafka_service, mlflow_service, serving_service, collector_service, airflow_service)
    return {service.name: service for service in (make(settings) for make in every)}


def with_needs(every: dict[ServiceName, Service], names: Sequence[ServiceName]) -> list[Service]:
    """The named services and what they need, in the order of `every`."""
    wanted = set(names)
    for service in reversed(every.values()):
        if service.name in wanted:
            wanted |= service.needs
    return [service for service in every.values() if service.name in wanted]


def up(
    settings: Settings,
    names: Sequence[ServiceName] = SERVICE_NAMES,
    watch: Callable[[Up], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
) -> UpReport:
    """Bring the named services up, and what they need. `watch` is told of each as it becomes ready, from any thread.

    Raises InfrastructureError, having started nothing, for what can be known before; StackFailed if any cannot be
    brought up, once all have come to an end.
    """
    begun = time.monotonic()
    with exclusive(settings.home, say):
        wanted = with_needs(services(settings), names)
        check_before_start(wanted, settings.home)
        done, errors = _side_by_side(wanted, settings.home, lambda: time.monotonic() - begun, watch, say)
    if errors:
        raise StackFailed("\n\n".join(errors), done)
    return UpReport(done, time.monotonic() - begun)


def _side_by_side(
    wanted: Sequence[Service],
    home: Path,
    clock: Callable[[], float],
    watch: Callable[[Up], None],
    say: Callable[[str], None],
) -> tuple[tuple[Up, ...], list[str]]:
    cancelled = threading.Event()
    futures: dict[ServiceName, Future[Up]] = {}

    def bring(service: Service) -> Up:
        for need in service.needs:
            if futures[need].exception():
                raise InfrastructureError(f"{service.name} was not started: it needs {need}")
        outcome = bring_up(service, home, cancelled)
        ready = Up(service.name, outcome, service.address, clock())
        watch(ready)
        return ready

    with ThreadPoolExecutor(len(SERVICE_NAMES)) as pool:  # one thread each, so waiting for a need blocks no other
        try:
            for service in wanted:
                futures[service.name] = pool.submit(bring, service)
            while late := wait(futures.values(), _SAY_EVERY_S).not_done:
                names = (name for name, future in futures.items() if future in late)
                say(f"waiting for {', '.join(names)}: {clock():.0f} s (a first start fetches and builds what it needs)")
        except KeyboardInterrupt:
            cancelled.set()
            raise
    return _sorted_out(list(futures.values()))


def _sorted_out(futures: Sequence["Future[Up]"]) -> tuple[tuple[Up, ...], list[str]]:
    """Results, and messages of errors on purpose; any other error is a defect and is raised."""
    errors = [error for future in futures if (error := future.exception())]
    for error in errors:
        if not isinstance(error, FeedwheelError):
            raise error
    done = tuple(future.result() for future in futures if not future.exception())
    return done, [str(error) for error in errors]


def down(
    home: Path,
    names: Sequence[ServiceName] = SERVICE_NAMES,
    watch: Callable[[ServiceName], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
) -> DownReport:
    """End every process that `up` started for the named services, and nothing else."""
    begun = time.monotonic()
    ended: list[ServiceName] = []

    def end(name: ServiceName) -> None:
        if Background(home, name).stop():
            ended.append(name)
            watch(name)

    with exclusive(home, say), ThreadPoolExecutor(len(SERVICE_NAMES)) as pool:
        for together in _DOWN_ORDER:
            list(pool.map(end, [name for name in together if name in names]))
    return DownReport(tuple(ended), time.monotonic() - begun)
