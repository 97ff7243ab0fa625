"""From an accepted request to an answer that is remembered.

In: a request whose arm is settled. Out: pieces of text as they come, and the answer after its events are on disk (I7).
A request is seen to its end even if its client leaves: its place is freed at once, and what was said is remembered.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from schemas.errors import FeedwheelError
from serving.api.exchange import Accepted
from serving.api.requests import GenerationRequest
from serving.engine.grammar import Matcher
from serving.engine.job import Answer, Delivery, Job, Piece
from serving.rollout.form import breaks_form
from serving.service import Service


@dataclass(frozen=True, slots=True)
class Pending:
    """An answer that the engine works on."""

    accepted: Accepted
    _job: Job
    _settled: "asyncio.Task[Answer]"

    async def finish(self) -> Answer:
        """The answer, once its events are on disk. Raises FeedwheelError."""
        return await asyncio.shield(self._settled)

    def abandon(self) -> None:
        """Nobody waits any more."""
        self._job.cancelled = True


@dataclass(frozen=True, slots=True)
class Answers:
    """All answers to one request."""

    pending: list[Pending]
    _pieces: "asyncio.Queue[tuple[int, Piece | None]]"

    async def pieces(self) -> AsyncIterator[tuple[int, Piece]]:
        """Text as it comes, where the request streams, with the place of its answer; ends when all have, or failed."""
        running = len(self.pending)
        while running:
            place, piece = await self._pieces.get()
            if piece is None:
                running -= 1
            else:
                yield place, piece

    async def finish(self) -> list[Answer]:
        """The answers, once their events are on disk. Raises FeedwheelError."""
        return [await one.finish() for one in self.pending]

    def abandon(self) -> None:
        """Nobody waits any more."""
        for one in self.pending:
            one.abandon()


class Answering:
    """The requests of one service that are under way."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._open: set[asyncio.Task[Answer]] = set()

    async def ask(self, accepted: list[Accepted], request: GenerationRequest) -> Answers:
        """Hand a request to the engine. Raises UsageError, Overloaded, Withdrawn, EngineFault."""
        wanted, matchers = request.must_look_like, list[Matcher | None]()
        for one in accepted:
            # A schema can take long to understand, and others are answered meanwhile.
            grammars = one.assignment.model.grammars
            matchers.append(None if wanted is None else await asyncio.to_thread(grammars.matcher, wanted))
        pieces: asyncio.Queue[tuple[int, Piece | None]] = asyncio.Queue()
        answers = Answers([], pieces)
        try:
            for place, (one, matcher) in enumerate(zip(accepted, matchers, strict=True)):
                answers.pending.append(self._submit(place, one, request, matcher, pieces))
        except FeedwheelError:
            answers.abandon()
            raise
        return answers

    def _submit(
        self,
        place: int,
        accepted: Accepted,
        request: GenerationRequest,
        matcher: Matcher | None,
        pieces: "asyncio.Queue[tuple[int, Piece | None]]",
    ) -> Pending:
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        settings = self._service.settings
        job = Job(
            accepted.tokens,
            accepted.sampling,
            accepted.sampling.max_tokens or settings.serving_answer_tokens,
            _deliver_to(place, pieces, answered),
            owner=accepted.owner,
            stops=request.stops,
            bias=request.logit_bias,
            top_logprobs=request.alternatives,
            matcher=matcher,
            ignores_end=request.ignore_eos,
            streams=request.stream,
            deadline=time.monotonic() + settings.serving_timeout_s,
        )
        self._service.thread.submit(accepted.assignment.model.batch, job)
        settled = asyncio.create_task(self._settle(request.model, accepted, answered, job))
        self._open.add(settled)
        settled.add_done_callback(self._forget)
        return Pending(accepted, job, settled)

    async def close(self) -> None:
        """Wait until every request under way has its end."""
        await asyncio.gather(*self._open, return_exceptions=True)

    def _forget(self, settled: "asyncio.Task[Answer]") -> None:
        self._open.discard(settled)
        if not settled.cancelled():
            settled.exception()  # looked at: where the client has left, nobody else will

    async def _settle(self, app: str, accepted: Accepted, answered: "asyncio.Future[Answer]", job: Job) -> Answer:
        """Wait for the end of a request, count it, and remember it."""
        try:
            answer = await answered
        except FeedwheelError:
            await self._remember(app, accepted, _failed(job))
            raise
        await self._remember(app, accepted, answer)
        return answer

    async def _remember(self, app: str, accepted: Accepted, answer: Answer) -> None:
        self._count(app, accepted, answer)
        if self._service.deployment is not None and accepted.exchange is not None:
            await self._service.deployment.events.answered(accepted.exchange, answer)

    def _count(self, app: str, accepted: Accepted, answer: Answer) -> None:
        metrics, assignment = self._service.metrics, accepted.assignment
        metrics.requests.labels(app, assignment.arm, answer.finish_reason).inc()
        metrics.tokens.labels(app, "input").inc(answer.input_tokens)
        metrics.tokens.labels(app, "output").inc(answer.output_tokens)
        failed = answer.finish_reason == "error"
        if not failed:
            metrics.latency.labels(app, assignment.arm).observe(answer.latency_ms / 1000)
        if answer.time_to_first_token_ms is not None:
            metrics.first_token.labels(app, assignment.arm).observe(answer.time_to_first_token_ms / 1000)
        if self._service.deployment is not None and answer.finish_reason != "cancelled":
            self._service.deployment.traffic.count(
                assignment.release_id,
                assignment.arm,
                accepted.owner,
                None if failed else answer.latency_ms,
                is_broken=_is_broken(accepted, answer),
            )


def _deliver_to(
    place: int, pieces: "asyncio.Queue[tuple[int, Piece | None]]", answered: "asyncio.Future[Answer]"
) -> Callable[[Delivery], None]:
    """Carries what the engine's thread delivers to the event loop."""
    loop = asyncio.get_running_loop()

    def take(delivery: Delivery) -> None:
        match delivery:
            case Piece():
                pieces.put_nowait((place, delivery))
                return
            case Answer():
                answered.set_result(delivery)
            case Exception():
                answered.set_exception(delivery)
        pieces.put_nowait((place, None))

    return lambda delivery: loop.call_soon_threadsafe(take, delivery)  # type: ignore[return-value]  # the handle is not used


def _is_broken(accepted: Accepted, answer: Answer) -> bool:
    """Whether the answer has not the form that was asked for."""
    has_tools = accepted.exchange is not None and accepted.exchange.has_tools
    return breaks_form(answer.text, answer.finish_reason, accepted.sampling.response_format, has_tools=has_tools)


def _failed(job: Job) -> Answer:
    """What is remembered of a request that got an error instead of an answer."""
    return Answer("", "error", len(job.prompt), 0, job.submitted_at, None, time.monotonic())
