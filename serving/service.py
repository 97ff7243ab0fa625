"""One serving process put together: engine, models, events, rollout. The HTTP layer is given this and nothing else.

Two forms. Online: models as the control log names them, events through the spool to Kafka. Offline: one model of a
directory, no events, no rollout; whoever evaluates a model uses it, so that the engine that serves is measured.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from feedwheel_capture.events import ModelRef
from feedwheel_capture.kafka import EventProducer
from feedwheel_capture.publisher import Publisher
from feedwheel_capture.recorder import Recorder
from feedwheel_capture.spool import Spool

from schemas.config import Config
from serving.engine.artifact import directory_digest
from serving.engine.embedder import Embedder
from serving.engine.session import providers_to_try
from serving.engine.thread import InferenceThread
from serving.event_log import EventLog
from serving.guarding import Guarding
from serving.metrics import Metrics
from serving.models import ModelPool
from serving.rollout.arms import Lineup
from serving.rollout.control_log import ControlLog
from serving.rollout.supervisor import RolloutServices, RolloutSupervisor
from serving.rollout.traffic import Traffic
from serving.settings import ServingSettings
from serving.tracing import Tracing

_LOG: Final = logging.getLogger(__name__)
_PUBLISH_ON_STOP_S: Final = 3.0
"""How long a stopping process waits for Kafka to take what is in the spool; the next start publishes the rest."""

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """The present, UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Deployment:
    """What ties an online process to its deployment: decisions of the product, memory, rollout."""

    config: Config
    spool: Spool
    publisher: Publisher
    events: EventLog
    control: ControlLog
    supervisor: RolloutSupervisor
    traffic: Traffic


@dataclass(frozen=True, slots=True)
class Service:
    """What answers requests. Offline there is no `deployment`: `fixed` answers everyone, or who names no adapter."""

    settings: ServingSettings
    clock: Clock
    metrics: Metrics
    thread: InferenceThread
    pool: ModelPool
    deployment: Deployment | None = None
    fixed: Lineup | None = None
    adapters: Mapping[str, Lineup] = field(default_factory=dict)
    guarding: Guarding = field(default_factory=Guarding)
    embedder: Embedder | None = None
    tracing: Tracing = field(default_factory=Tracing)

    def lineup(self, app: str) -> Lineup | None:
        """The models that answer for an application; None until its champion is loaded, or for an unknown adapter."""
        if self.deployment is not None:
            return self.deployment.supervisor.lineups.get(app)
        assert self.fixed is not None  # a service has one or the other
        is_fixed = not self.adapters or app == self.fixed.champion.ref.name
        return self.fixed if is_fixed else self.adapters.get(app)

    def end_late_answers(self) -> None:
        """Whoever still waits gets an error: the time of a shutdown is over."""
        if self.embedder is not None:
            self.embedder.close()
        self.thread.close(0)

    def close(self) -> None:
        """Answer what was accepted, store what was answered, publish what can be published."""
        if self.embedder is not None:
            self.embedder.close()
        self._close()
        self.tracing.close()

    def _close(self) -> None:
        if self.deployment is None:
            self.thread.close(self.settings.serving_drain_s)
            return
        deployment = self.deployment
        deployment.supervisor.close()
        deployment.control.close()
        self.thread.close(self.settings.serving_drain_s)
        deployment.events.close()
        _publish_rest(deployment)
        deployment.publisher.close()
        deployment.spool.close()


def _publish_rest(deployment: Deployment) -> None:
    deadline = time.monotonic() + _PUBLISH_ON_STOP_S
    while deployment.publisher.connected and deployment.spool.depth and time.monotonic() < deadline:
        time.sleep(0.05)
    if deployment.spool.depth:
        _LOG.warning("%d events stay in the spool until the next start", deployment.spool.depth)


def offline(settings: ServingSettings, model_dir: Path, adapters: Mapping[str, Path] | None = None) -> Service:
    """A process that answers with one model, or with adapters of it by name, and remembers nothing.

    Raises FeedwheelError.
    """
    metrics, thread, pool = _engine(settings)
    base = _as_found(model_dir.name, model_dir)
    fixed = Lineup(pool.load(base))
    named = {name: Lineup(pool.load(_as_found(name, folder), base)) for name, folder in (adapters or {}).items()}
    embedder = _embedder(settings)
    return Service(settings, system_clock, metrics, thread, pool, fixed=fixed, adapters=named, embedder=embedder)


def _as_found(name: str, directory: Path) -> ModelRef:
    """The reference of a directory that nobody promised anything about."""
    return ModelRef(name=name, version="offline", uri=str(directory.absolute()), digest=directory_digest(directory))


def online(settings: ServingSettings, clock: Clock = system_clock) -> Service:
    """A process of a deployment; its models load in the background.

    Raises ConfigError, ProviderMissing, SpoolInUse, SpoolCorrupt.
    """
    config = settings.config()
    metrics, thread, pool = _engine(settings)
    identity, replica = settings.identity, settings.serving_replica
    spool = Spool(settings.serving_home / "spool", settings.serving_spool_bytes)
    recorder = Recorder(f"feedwheel/serving/{replica}", spool, clock)
    publisher = Publisher(spool, lambda: EventProducer(settings.kafka))
    control = ControlLog(settings.kafka, settings.serving_home / "control.json", recorder, replica, clock)
    events, traffic = EventLog(recorder, identity, clock, replica), Traffic()
    supervisor = RolloutSupervisor(
        RolloutServices(config, settings.kafka, replica, pool, control, traffic, lambda: publisher.connected, clock)
    )
    for background in (publisher, control, supervisor):
        background.start()
    deployment = Deployment(config, spool, publisher, events, control, supervisor, traffic)
    embedder, tracing = _embedder(settings), Tracing.from_environment(replica)
    return Service(settings, clock, metrics, thread, pool, deployment, embedder=embedder, tracing=tracing)


def _embedder(settings: ServingSettings) -> Embedder | None:
    """The embedder, where there is one."""
    directory = settings.serving_embedder
    return Embedder(directory, settings.serving_threads) if directory.is_dir() else None


def _engine(settings: ServingSettings) -> tuple[Metrics, InferenceThread, ModelPool]:
    providers_to_try(settings.provider_wish)  # a GPU that is required and not there is told now, not at the first model
    metrics = Metrics()
    thread = InferenceThread(settings.serving_max_waiting, metrics.rows.observe)
    thread.start()
    return metrics, thread, ModelPool(settings, thread)
