"""POST /v1/chat/completions: OpenAI's shape, plain or as server-sent events.

Responses carry one field of ours, `feedwheel`: what an application needs to send feedback and to ask for it.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header, Request
from fastapi.responses import Response, StreamingResponse

from schemas.errors import FeedwheelError
from serving.api.answering import Answering, Pending
from serving.api.exchange import Accepted, accept
from serving.api.openai_errors import api_error
from serving.api.schemas import ChatRequest, Id
from serving.engine.errors import Withdrawn
from serving.engine.job import Answer

router = APIRouter()


@router.post("/v1/chat/completions")
async def chat(
    body: ChatRequest,
    request: Request,
    x_feedwheel_conversation: Annotated[Id | None, Header()] = None,
) -> Response:
    """Answer one conversation."""
    service, answering = request.app.state.service, request.app.state.answering
    assert isinstance(answering, Answering)  # the application's factory put it there
    try:
        pending = answering.ask(accept(service, body, x_feedwheel_conversation), body)
    except Withdrawn:
        # Dropped in the instant after it was chosen: the lineup has its successor by now.
        pending = answering.ask(accept(service, body, x_feedwheel_conversation), body)
    created = int(service.clock().timestamp())
    if body.stream:
        return StreamingResponse(_events(pending, body, created), media_type="text/event-stream")
    answer = await _unless_client_leaves(pending, request)
    return _json(_completion(pending.accepted, body, answer, created))


async def _unless_client_leaves(pending: Pending, request: Request) -> Answer:
    """Wait for the answer; if the connection closes first, let the engine free the place."""
    finished, left = asyncio.ensure_future(pending.finish()), asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait((finished, left), return_when=asyncio.FIRST_COMPLETED)
        if not finished.done():
            pending.abandon()
        return await finished
    finally:
        left.cancel()


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _completion(accepted: Accepted, body: ChatRequest, answer: Answer, created: int) -> dict[str, Any]:
    message = {"role": "assistant", "content": answer.text}
    return {
        "id": accepted.response_id,
        "object": "chat.completion",
        "created": created,
        "model": body.model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish_reason}],
        "usage": _usage(answer),
        "feedwheel": _feedwheel(accepted),
    }


def _usage(answer: Answer) -> dict[str, int]:
    return {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.input_tokens + answer.output_tokens,
    }


def _feedwheel(accepted: Accepted) -> dict[str, Any]:
    offer = accepted.exchange.offer if accepted.exchange else None
    return {
        "conversation_id": accepted.conversation_id,
        "arm": accepted.assignment.arm,
        "release_id": accepted.assignment.release_id,
        "exposure": {"policy": offer.policy if offer else "normal", "offered": offer.offered if offer else []},
    }


async def _events(pending: Pending, body: ChatRequest, created: int) -> AsyncIterator[bytes]:
    """The chunks of a stream. `[DONE]` comes after the events are on disk; an error takes its place."""
    frame = _Frame(pending.accepted, body, created)
    try:
        yield frame.chunk({"role": "assistant", "content": ""})
        async for piece in pending.pieces():
            yield frame.chunk({"content": piece})
        answer = await pending.finish()
        yield frame.chunk({}, answer.finish_reason)
        if body.include_usage:
            yield frame.usage(answer)
        yield b"data: [DONE]\n\n"
    except FeedwheelError as error:
        yield _event(api_error(error).body)
    finally:
        pending.abandon()  # of no effect on a request that has ended


class _Frame:
    """What all chunks of one stream have in common."""

    def __init__(self, accepted: Accepted, body: ChatRequest, created: int) -> None:
        self._common = {
            "id": accepted.response_id,
            "object": "chat.completion.chunk",
            "created": created,
            "model": body.model,
            "feedwheel": _feedwheel(accepted),
        }
        # With include_usage every chunk has the field, and only the last one a value.
        self._no_usage: dict[str, Any] = {"usage": None} if body.include_usage else {}

    def chunk(self, delta: dict[str, str], finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return _event({**self._common, "choices": [choice], **self._no_usage})

    def usage(self, answer: Answer) -> bytes:
        return _event({**self._common, "choices": [], "usage": _usage(answer)})


def _event(data: object) -> bytes:
    return b"data: " + msgspec.json.encode(data) + b"\n\n"


def _json(data: object) -> Response:
    return Response(msgspec.json.encode(data), media_type="application/json")
