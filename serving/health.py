"""Whether this process can answer, and what it lacks.

`not_ready`: it cannot answer for some application. `degraded`: it answers, but something that it should do waits
(events are lost or wait for Kafka, a champion failed to load and the one before goes on). `ready`: neither.
"""

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from serving.service import Deployment, Service

Status = Literal["ready", "degraded", "not_ready"]

_SPOOL_WARNING: Final = 0.8
"""Share of the spool in use from which an operator should look."""


@dataclass(slots=True)
class Health:
    """The state of a process and the reasons for it."""

    status: Status
    reasons: list[str]
    models: list[dict[str, Any]]
    apps: dict[str, dict[str, Any]] = field(default_factory=dict)
    spool: dict[str, Any] = field(default_factory=dict)
    kafka: dict[str, bool] = field(default_factory=dict)


def health(service: Service) -> Health:
    """Look at everything once."""
    models = [
        {
            "name": model.ref.name,
            "version": model.ref.version,
            "providers": model.providers,
            "kv_cache_bytes": model.cache_bytes,
        }
        for model in service.pool.models
    ]
    if service.deployment is None:
        return Health("ready", [], models)
    deployment = service.deployment
    lacking, failing = _lacking(deployment), _failing(deployment)
    return Health(
        status="not_ready" if lacking else "degraded" if failing else "ready",
        reasons=lacking + failing,
        models=models,
        apps={
            app: {
                "champion": lineup.champion.ref.version,
                "challenger": lineup.challenger.model.ref.version if lineup.challenger else None,
            }
            for app, lineup in deployment.supervisor.lineups.items()
        },
        spool={
            "records": deployment.spool.depth,
            "fill": round(deployment.spool.fill, 3),
            "lost_events": deployment.events.lost,
        },
        kafka={"publisher": deployment.publisher.connected, "control_log": deployment.control.connected},
    )


def _lacking(deployment: Deployment) -> list[str]:
    """Why some application cannot be answered for."""
    faults, lineups = deployment.supervisor.faults, deployment.supervisor.lineups
    named = deployment.control.standings()
    missing = [app for app in sorted(deployment.config.apps) if app not in lineups]
    unfaulted = {app: "its champion is loading" if app in named else "no champion is named" for app in missing}
    return [f"{app}: {faults.get(app, unfaulted[app])}" for app in missing]


def _failing(deployment: Deployment) -> list[str]:
    reasons = [
        f"{app}: the champion before goes on answering: {fault}"
        for app, fault in deployment.supervisor.faults.items()
        if app in deployment.supervisor.lineups
    ]
    if deployment.events.lost:
        reasons.append(f"{deployment.events.lost} events were lost, and there is no room yet to record that")
    if deployment.spool.fill > _SPOOL_WARNING:
        reasons.append(f"the spool is {deployment.spool.fill:.0%} full")
    if not deployment.publisher.connected:
        reasons.append(f"Kafka takes no events; {deployment.spool.depth} wait in the spool")
    if not deployment.control.connected:
        reasons.append("the control log cannot be read; its last known state is in force")
    return reasons
