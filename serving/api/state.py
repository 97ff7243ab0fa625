"""What a serving process says about itself: models, health, metrics, rollouts."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST

from serving.api.exchange import app_config
from serving.api.openai_errors import ApiError
from serving.api.schemas import Id
from serving.health import health
from serving.service import Service

router = APIRouter()


@router.get("/v1/models")
def models(request: Request) -> dict[str, Any]:
    """The applications, as OpenAI's models; each can be asked for by its id."""
    service: Service = request.app.state.service
    if service.fixed is not None:
        names = {service.fixed.champion.ref.name: service.fixed, **service.adapters}
    else:
        assert service.deployment is not None  # a service has one or the other
        names = dict(service.deployment.supervisor.lineups)
    data = [
        {
            "id": name,
            "object": "model",
            "created": 0,
            "owned_by": "feedwheel",
            "feedwheel": {"model": lineup.champion.ref.name, "version": lineup.champion.ref.version},
        }
        for name, lineup in sorted(names.items())
    ]
    return {"object": "list", "data": data}


@router.get("/v1/rollout")
def rollout(request: Request, app: Annotated[Id, Query()]) -> Response:
    """The test under way of an application, or the last one decided: state, arms, people, intervals."""
    service: Service = request.app.state.service
    if service.deployment is None:
        raise ApiError(404, "not_found_error", "this process serves one model for evaluation: nothing is rolled out")
    app_config(service.deployment, app, param="app")
    return _json(service.deployment.supervisor.report(app))


@router.get("/healthz")
def healthz() -> dict[str, str]:
    """The process runs."""
    return {"status": "ok"}


@router.get("/readyz")
def readyz(request: Request) -> Response:
    """Whether it can answer: 200 if ready or degraded, 503 if not."""
    state = health(request.app.state.service)
    return _json(state, 503 if state.status == "not_ready" else 200)


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Prometheus metrics."""
    service: Service = request.app.state.service
    _refresh(service)
    return Response(service.metrics.render(), media_type=CONTENT_TYPE_LATEST)


def _refresh(service: Service) -> None:
    """Set the gauges that are read, not counted."""
    gauges, deployment = service.metrics, service.deployment
    gauges.waiting.set(service.thread.waiting)
    gauges.running.set(service.thread.running)
    for gauge in (gauges.models, gauges.cache_bytes, gauges.provider):
        gauge.clear()
    for model in service.pool.models:
        gauges.models.labels(model.ref.name, model.ref.version).set(1)
        gauges.cache_bytes.labels(model.ref.name, model.ref.version).set(model.cache_bytes)
        gauges.provider.labels(model.ref.name, model.providers[0]).set(1)
    gauges.cost.set(_cost(service))
    if deployment is None:
        return
    gauges.spool_records.set(deployment.spool.depth)
    gauges.spool_fill.set(deployment.spool.fill)
    gauges.lost_events.set(deployment.events.lost)
    gauges.kafka.labels("publisher").set(deployment.publisher.connected)
    gauges.kafka.labels("control_log").set(deployment.control.connected)
    gauges.switches.set(deployment.supervisor.switches)
    gauges.rollout.clear()
    for app in deployment.supervisor.lineups:
        state = deployment.supervisor.report(app)["state"]
        if state is not None:
            gauges.rollout.labels(app, state).set(1)


def _cost(service: Service) -> float:
    """Of a million output tokens, as far as this process goes; 0 before the first."""
    hours, tokens = service.metrics.uptime_s / 3600, service.metrics.output_tokens
    return service.settings.serving_cost_per_hour * hours / tokens * 1e6 if tokens else 0.0


def _json(data: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(data), status, media_type="application/json")
