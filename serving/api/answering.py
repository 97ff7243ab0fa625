"""From an accepted request to an answer that is remembered.

In: a request whose arm is settled. Out: pieces of text as they come, and the answer after its events are on disk (I7).
A request is seen to its end even if its client leaves: its place is freed at once, and what was said is remembered.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from feedback.guardrails import blocking
from schemas.errors import FeedwheelError
from serving.api.attempts import Attempts, Pieces, matcher_of
from serving.api.exchange import Accepted
from serving.api.judging import NOT_THE_MODELS, is_broken, is_failure
from serving.api.mailbox import Mailbox
from serving.api.requests import GenerationRequest
from serving.api.shadowing import Shadowing
from serving.engine.errors import Overloaded
from serving.engine.job import Answer, Piece
from serving.service import Service

if TYPE_CHECKING:
    from opentelemetry.context import Context


@dataclass(frozen=True, slots=True)
class Pending:
    """An answer that is on its way."""

    accepted: Accepted
    _attempts: Attempts
    _settled: "asyncio.Task[Answer]"

    async def finish(self) -> Answer:
        """The answer, once its events are on disk. Raises FeedwheelError."""
        return await asyncio.shield(self._settled)

    def abandon(self) -> None:
        """Nobody waits any more."""
        self._attempts.abandon()


@dataclass(frozen=True, slots=True)
class Answers:
    """All answers to one request."""

    pending: list[Pending]
    _pieces: Pieces

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
    """The requests of one service that are under way. To be made within the event loop that answers them."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._open: set[asyncio.Task[Answer]] = set()
        self._mailbox = Mailbox()
        self._shadowing = Shadowing(service, self._mailbox, is_quiet=lambda: not self._open)

    async def ask(
        self, accepted: list[Accepted], request: GenerationRequest, caller: "Context | None" = None
    ) -> Answers:
        """Hand a request to the engine: all its answers, or none. Raises UsageError, Overloaded, Withdrawn, Closing."""
        # One for all: a request that is held to a form is one conversation, which one model answers.
        matcher = await matcher_of(accepted[0].assignment.model, request)
        pieces: Pieces = asyncio.Queue()
        attempts = [
            Attempts(self._service, one, request, matcher, pieces, place, self._mailbox)
            for place, one in enumerate(accepted)
        ]
        self._shadowing.give_way()
        try:
            if jobs := [job for one in attempts for job in one.begin()]:  # none where all is blocked
                self._service.thread.submit_all(accepted[0].assignment.model.batch, jobs)
        except FeedwheelError as error:
            self._count_refusal(accepted[0].app, error)
            for one in attempts:
                one.close()
            raise
        return Answers([Pending(one.accepted, one, self._settling(one, request, caller)) for one in attempts], pieces)

    def _settling(
        self, attempts: Attempts, request: GenerationRequest, caller: "Context | None"
    ) -> "asyncio.Task[Answer]":
        settled = asyncio.create_task(self._settle(attempts, caller))
        self._open.add(settled)
        settled.add_done_callback(partial(self._ended, attempts, request))
        return settled

    async def close(self) -> None:
        """Wait until every request under way has its end."""
        await asyncio.gather(*self._open, return_exceptions=True)
        await self._shadowing.close()

    def _ended(self, attempts: Attempts, request: GenerationRequest, settled: "asyncio.Task[Answer]") -> None:
        self._open.discard(settled)
        if not settled.cancelled():
            # Looked at, failed or not: where the client has left, nobody else will.
            error = settled.exception()
            if not isinstance(error, NOT_THE_MODELS):
                self._shadowing.follow(attempts.accepted, request, attempts.failed() if error else settled.result())

    async def _settle(self, attempts: Attempts, caller: "Context | None") -> Answer:
        """Wait for the end of a request, count it, and remember it."""
        try:
            answer = await attempts.answer()
        except FeedwheelError as error:
            self._count_refusal(attempts.accepted.app, error)
            await self._remember(attempts, caller, attempts.failed(), is_refused=isinstance(error, NOT_THE_MODELS))
            raise
        finally:
            attempts.close()
        await self._remember(attempts, caller, answer)
        return answer

    async def _remember(
        self, attempts: Attempts, caller: "Context | None", answer: Answer, *, is_refused: bool = False
    ) -> None:
        accepted = attempts.accepted
        self._count(accepted, answer)
        if not is_refused:
            self._judge(attempts, answer)
        self._service.tracing.answered(caller, accepted, answer)
        if self._service.deployment is not None and accepted.exchange is not None:
            await self._service.deployment.events.answered(accepted.exchange, answer)

    def _count_refusal(self, app: str, error: FeedwheelError) -> None:
        if isinstance(error, Overloaded):
            self._service.metrics.refusals.labels(app, error.reason).inc()

    def _count(self, accepted: Accepted, answer: Answer) -> None:
        metrics, app, assignment = self._service.metrics, accepted.app, accepted.assignment
        metrics.requests.labels(app, assignment.arm, answer.finish_reason).inc()
        asks = not accepted.choice  # a prompt counts once, however many answers it has
        if asks:
            metrics.tokens.labels(app, "input").inc(answer.input_tokens)
            metrics.tokens.labels(app, "cached").inc(answer.cached_tokens)
        for each in (each for each in answer.guarded if asks or not each.is_input):
            metrics.guardrails.labels(app, each.rule, each.action, "input" if each.is_input else "output").inc()
        if withheld := blocking(answer.guarded):
            self._service.guarding.withheld.put((accepted.response_id, app, accepted.owner), withheld)
        if answer.fallback is not None:
            metrics.fallbacks.labels(app, answer.fallback).inc()
        if answer.finish_reason not in ("error", "cancelled"):
            metrics.latency.labels(app, assignment.arm).observe(answer.latency_ms / 1000)
        if answer.time_to_first_token_ms is not None:
            metrics.first_token.labels(app, assignment.arm).observe(answer.time_to_first_token_ms / 1000)
        if answer.time_per_token_ms is not None:
            metrics.per_token.labels(app, assignment.arm).observe(answer.time_per_token_ms / 1000)
        is_met = self._service.settings.meets_objective(answer)
        # Who left in time was promised nothing that was not kept, and has not got it either.
        if not is_met or answer.finish_reason != "cancelled":
            metrics.objective.labels(app, "met" if is_met else "missed").inc()

    def _judge(self, attempts: Attempts, answer: Answer) -> None:
        """Count the request for or against the model that was to answer; what it was never asked says nothing of it.

        By the first of its answers: several are as good or bad together, and no further witnesses.
        """
        accepted, deployment = attempts.accepted, self._service.deployment
        if deployment is None or accepted.is_blocked or accepted.choice:
            return
        request = (accepted.assignment.release_id, accepted.assignment.arm, accepted.owner)
        if answer.finish_reason != "cancelled":
            latency_ms = None if is_failure(answer) else answer.latency_ms
            deployment.traffic.count(*request, latency_ms, is_broken=is_broken(accepted, answer))
        elif not attempts.has_shown:  # who has read some of it may have left for what it said
            deployment.traffic.left(*request, answer.latency_ms)
