"""The HTTP application of one collector."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import JSONResponse, Response
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException

from feedback.capture.body_limit import BodyLimit
from feedback.capture.collector import browser, events, feedback, openapi
from feedback.capture.collector.events import MAX_BODY_BYTES, Problem, collector_of
from feedback.capture.collector.otlp import routes as otlp
from feedback.capture.collector.service import Collector


def create_app(collector: Collector) -> FastAPI:
    """An application that closes its collector after its last request."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.collector = collector
        yield
        collector.close()

    app = FastAPIOffline(title="Feedwheel collector", lifespan=lifespan, docs_url="/docs", redoc_url=None)
    for part in (events, feedback, otlp, browser):
        app.include_router(part.router)
    app.add_api_route("/healthz", _healthz, methods=["GET"])
    app.add_api_route("/readyz", _readyz, methods=["GET"])
    app.add_api_route("/metrics", _metrics, methods=["GET"])
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(HTTPException, _http)
    openapi.describe(app)
    app.add_middleware(BodyLimit, max_bytes=MAX_BODY_BYTES)
    app.add_middleware(GZipMiddleware)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(collector.settings.collector_origins),
        allow_methods=["POST"],
        expose_headers=["Retry-After"],
        max_age=86_400,
    )
    return app


async def _healthz() -> dict[str, str]:
    """The process runs."""
    return {"status": "ok"}


async def _readyz(request: Request) -> Response:
    """Whether events are taken, and what waits."""
    collector = collector_of(request)
    full = collector.spool.fill >= 1.0
    state: dict[str, Any] = {
        "status": "not_ready" if full else "ready" if collector.publisher.connected else "degraded",
        "spool": {"records": collector.spool.depth, "fill": round(collector.spool.fill, 3)},
        "kafka": collector.publisher.connected,
    }
    return Response(msgspec.json.encode(state), 503 if full else 200, media_type="application/json")


async def _metrics(request: Request) -> Response:
    """Prometheus metrics."""
    return Response(collector_of(request).metrics.exposition(), media_type=CONTENT_TYPE_LATEST)


async def _problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)  # it was installed for these
    return JSONResponse(error.body, error.status, error.headers)


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # as above
    return JSONResponse({"error": "http", "detail": error.detail}, error.status_code)
