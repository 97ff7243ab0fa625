"""The HTTP application of one service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from feedback.capture.body_limit import BodyLimit
from serving.api import chat, completions, embeddings, feedback, openai_errors, state
from serving.api.answering import Answering
from serving.service import Service


def create_app(service: Service) -> FastAPI:
    """An application that closes its service once its last request has been answered."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        answering = Answering(service)
        app.state.service, app.state.answering = service, answering
        yield
        await answering.close()
        service.close()

    app = FastAPIOffline(title="Feedwheel serving", lifespan=lifespan, docs_url="/docs", redoc_url=None)
    openai_errors.install(app)
    for part in (chat, completions, embeddings, feedback, state):
        app.include_router(part.router)
    app.add_middleware(BodyLimit)
    return app
