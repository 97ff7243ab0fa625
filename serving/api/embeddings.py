"""POST /v1/embeddings: vectors of texts. Nothing of them is remembered."""

import asyncio
import base64
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import Field, StringConstraints

from serving.api.leaving import done_or_left
from serving.api.openai_errors import ApiError
from serving.api.schemas import Id, RawUser, RequestPart
from serving.engine.embedder import Embedder
from serving.engine.errors import Overloaded
from serving.service import Service

router = APIRouter()

_Text = Annotated[str, StringConstraints(min_length=1, max_length=100_000)]


class EmbeddingRequest(RequestPart):
    """An OpenAI embedding request. `dimensions`, if given, is what the model has."""

    model: Id
    input: _Text | Annotated[list[_Text], Field(min_length=1, max_length=2048)]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None
    user: RawUser | None = None


@router.post("/v1/embeddings")
async def embed(body: EmbeddingRequest, request: Request) -> dict[str, Any]:
    """Embed one text, or several."""
    service: Service = request.app.state.service
    embedder = _embedder(service, body.model)
    texts = [body.input] if isinstance(body.input, str) else body.input
    try:
        work = asyncio.wrap_future(embedder.submit(texts))
    except Overloaded as error:
        service.metrics.refusals.labels(body.model, error.reason).inc()
        raise
    try:
        await done_or_left(work, request)
    finally:
        work.cancel()  # of no effect once it is done; else its turns are for others
    if work.cancelled():
        raise ApiError(499, "timeout_error", "the client closed the connection")
    vectors, tokens = work.result()
    if body.dimensions not in (None, vectors.shape[1]):
        message = f"the model's vectors have {vectors.shape[1]} dimensions"
        raise ApiError(400, "invalid_request_error", message, param="dimensions")
    service.metrics.tokens.labels(body.model, "embedded").inc(tokens)
    encoded: list[Any] = (
        vectors.tolist()
        if body.encoding_format == "float"
        else [base64.b64encode(vector.tobytes()).decode() for vector in vectors]
    )
    return {
        "object": "list",
        "data": [{"object": "embedding", "index": index, "embedding": one} for index, one in enumerate(encoded)],
        "model": body.model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _embedder(service: Service, name: str) -> Embedder:
    if service.embedder is None or service.embedder.name != name:
        there_is = f"there is {service.embedder.name}" if service.embedder else "this process has none"
        message = f"no such embedding model; {there_is}"
        raise ApiError(404, "not_found_error", message, param="model", code="model_not_found")
    return service.embedder
