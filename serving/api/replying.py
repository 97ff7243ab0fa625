"""From a settled request to its HTTP response, plain or as server-sent events, in whichever shape its endpoint has.

Responses carry one field of ours, `feedwheel`: what an application needs to send feedback and to ask for it. In a
stream the first chunk has it.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any, Final, Protocol

import msgspec
from fastapi import Request
from fastapi.responses import Response, StreamingResponse

from schemas.errors import FeedwheelError
from serving.api.answering import Answering, Answers
from serving.api.exchange import Accepted
from serving.api.leaving import done_or_left
from serving.api.openai_errors import api_error
from serving.api.requests import GenerationRequest
from serving.engine.errors import Withdrawn
from serving.engine.job import Answer, Piece

_LOG: Final = logging.getLogger(__name__)

Choice = dict[str, Any]


class Shape(Protocol):
    """How an endpoint writes answers. A method that gives several choices gives one chunk for each."""

    whole_object: str
    chunk_object: str

    def whole(self, place: int, answer: Answer) -> Choice:
        """An answer at once."""

    def opening(self, place: int) -> Iterable[Choice]:
        """Before there is anything to say."""

    def going_on(self, place: int, piece: Piece) -> Iterable[Choice]:
        """A piece of an answer."""

    def ending(self, place: int, answer: Answer) -> Iterable[Choice]:
        """What is still to be said, and why the answer ends."""


async def reply(
    request: Request,
    body: GenerationRequest,
    settle: Callable[[], list[Accepted]],
    shape_for: Callable[[list[Accepted]], Shape],
) -> Response:
    """Answer a request that `settle` accepts. Raises FeedwheelError, ApiError.

    Screening and tokenising of a long conversation take seconds: `settle` runs where nobody waits for it.
    """
    service, answering = request.app.state.service, request.app.state.answering
    assert isinstance(answering, Answering)  # the application's factory put it there
    caller = service.tracing.caller(request.headers)
    try:
        answers = await answering.ask(await asyncio.to_thread(settle), body, caller)
    except Withdrawn:
        # Dropped in the instant after it was chosen: the lineup has its successor by now.
        answers = await answering.ask(await asyncio.to_thread(settle), body, caller)
    accepted = [one.accepted for one in answers.pending]
    shape, created = shape_for(accepted), int(service.clock().timestamp())
    if body.stream:
        return StreamingResponse(_events(answers, body, shape, created), media_type="text/event-stream")
    found = await _unless_client_leaves(answers, request)
    choices = [{**shape.whole(place, answer), **_guarded(answer)} for place, answer in enumerate(found)]
    common = _common(accepted, body, shape.whole_object, created)
    return Response(
        msgspec.json.encode(
            {**common, "choices": choices, "usage": _usage(found, body.n), "feedwheel": _feedwheel(accepted)}
        ),
        media_type="application/json",
    )


async def _unless_client_leaves(answers: Answers, request: Request) -> list[Answer]:
    """Wait for the answers; if the connection closes first, let the engine free their places."""
    finished = asyncio.ensure_future(answers.finish())
    try:
        await done_or_left(finished, request)
        if not finished.done():
            answers.abandon()
        return await finished
    finally:
        # Where one of several failed, or this connection was cut, nobody will read the others.
        answers.abandon()
        finished.cancel()


async def _events(answers: Answers, body: GenerationRequest, shape: Shape, created: int) -> AsyncIterator[bytes]:
    """The chunks of a stream. `[DONE]` comes after the events are on disk; an error takes its place."""
    accepted = [one.accepted for one in answers.pending]
    common = _common(accepted, body, shape.chunk_object, created)
    ours = {"feedwheel": _feedwheel(accepted)}  # in the first chunk only: it is longer than all else in one
    # With include_usage every chunk has the field, and only the last one a value.
    no_usage: dict[str, Any] = {"usage": None} if body.include_usage else {}

    def chunks(choices: Iterable[Choice]) -> bytes:
        nonlocal ours
        events = list[bytes]()
        for choice in choices:
            events.append(_event({**common, "choices": [choice], **no_usage, **ours}))
            ours = {}
        return b"".join(events)

    try:
        yield b"".join(chunks(shape.opening(place)) for place in range(len(accepted)))
        async for place, piece in answers.pieces():
            yield chunks(shape.going_on(place, piece))
        found = await answers.finish()
        for place, answer in enumerate(found):
            *others, last = shape.ending(place, answer)
            yield chunks([*others, {**last, **_guarded(answer)}])
        if body.include_usage:
            yield _event({**common, "choices": [], "usage": _usage(found, body.n)})
        yield b"data: [DONE]\n\n"
    except Exception as error:  # the status is sent already: an error of whatever kind can only be told in the stream
        if not isinstance(error, FeedwheelError):
            _LOG.exception("a stream failed")
        yield _event(api_error(error).body)
    finally:
        answers.abandon()  # of no effect on a request that has ended


def _guarded(answer: Answer) -> dict[str, Any]:
    """For the application: what guardrails did, and what answered instead; it may have a person answer."""
    if not answer.guarded and answer.fallback is None:
        return {}
    return {"feedwheel": {"fallback": answer.fallback, "guarded": answer.guarded}}


def _common(accepted: Sequence[Accepted], body: GenerationRequest, name: str, created: int) -> dict[str, Any]:
    first = accepted[0]
    return {
        "id": first.response_id,
        "object": name,
        "created": created,
        "model": body.model,
    }


def _usage(answers: Sequence[Answer], choices: int) -> dict[str, Any]:
    """A prompt counts once, however many answers it has."""
    asked, said = sum(answer.input_tokens for answer in answers[::choices]), sum(one.output_tokens for one in answers)
    return {
        "prompt_tokens": asked,
        "completion_tokens": said,
        "total_tokens": asked + said,
        "prompt_tokens_details": {"cached_tokens": sum(answer.cached_tokens for answer in answers[::choices])},
    }


def _feedwheel(accepted: Sequence[Accepted]) -> dict[str, Any]:
    first = accepted[0]
    offer = first.exchange.offer if first.exchange else None
    return {
        "conversation_id": first.conversation_id,
        "response_ids": [one.response_id for one in accepted],
        "arm": first.assignment.arm,
        "release_id": first.assignment.release_id,
        "exposure": {"policy": offer.policy if offer else "normal", "offered": offer.offered if offer else []},
    }


def _event(data: object) -> bytes:
    return b"data: " + msgspec.json.encode(data) + b"\n\n"
