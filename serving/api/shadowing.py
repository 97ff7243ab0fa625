"""Requests that people's answers are done with, given to the model in the shadow.

In: a request and the champion's answer to it. Out: counts of what the shadow made of it (`serving.rollout.shadow`).
Nobody sees its answers and nothing of them is kept. It begins only where nobody is being answered, and whoever asks
next ends it: a person waits at most for the step that is being computed. What a person wants nothing kept of (consent
`none`) it is not given.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from feedback.guardrails import check_output
from schemas.errors import FeedwheelError
from serving.api.attempts import matcher_of
from serving.api.exchange import Accepted
from serving.api.judging import is_broken, is_failure, was_retried
from serving.api.mailbox import Mailbox
from serving.api.requests import GenerationRequest
from serving.engine.job import Answer, Delivery, Job
from serving.models import LoadedModel
from serving.rollout.arms import Shadow
from serving.rollout.shadow import Dropped, Reply
from serving.service import Service

_OWNER: Final = "shadow"


class Shadowing:
    """The shadows of one service. To be made within the event loop that answers people."""

    def __init__(self, service: Service, mailbox: Mailbox, is_quiet: Callable[[], bool]) -> None:
        """`is_quiet`: whether nobody is being answered."""
        self._service = service
        self._mailbox = mailbox
        self._is_quiet = is_quiet
        self._open: set[asyncio.Task[None]] = set()
        self._job: Job | None = None

    def follow(self, accepted: Accepted, request: GenerationRequest, answer: Answer) -> None:
        """Give a request to the shadow, if there is one that it is drawn for."""
        shadow = self._drawn(accepted, request.model, answer)
        if shadow is None:
            return
        if not self._may_begin():
            self._drop(request.model, shadow, "busy")
            return
        task = asyncio.create_task(self._compare(shadow, accepted, request, answer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    def give_way(self) -> None:
        """Somebody asks."""
        if self._job is not None:
            self._job.cancelled = True

    async def close(self) -> None:
        """Leave off, and wait until that is done."""
        self.give_way()
        await asyncio.gather(*self._open)

    def _drawn(self, accepted: Accepted, app: str, answer: Answer) -> Shadow | None:
        lineup, exchange = self._service.lineup(app), accepted.exchange
        if lineup is None or lineup.shadow is None or exchange is None or exchange.consent == "none":
            return None
        if (
            accepted.is_blocked
            or answer.finish_reason == "cancelled"
            or accepted.assignment.model is not lineup.champion
        ):
            return None
        return lineup.shadow if lineup.shadow.is_drawn(accepted.response_id) else None

    def _may_begin(self) -> bool:
        return self._is_quiet() and self._job is None

    def _drop(self, app: str, shadow: Shadow, reason: Dropped) -> None:
        shadow.tally.drop(reason)
        self._service.metrics.shadow.labels(app, reason).inc()

    async def _compare(self, shadow: Shadow, accepted: Accepted, request: GenerationRequest, answer: Answer) -> None:
        begun_at = time.monotonic()
        try:
            found = await self._ask(shadow.model, accepted, request)
        except FeedwheelError:
            found = Answer("", "error", 0, 0, begun_at, None, time.monotonic())
        if found is None or found.finish_reason == "cancelled":
            self._drop(request.model, shadow, "busy" if found is None else "gave_way")
            return
        found = await asyncio.to_thread(_checked, accepted, found)
        shadow.tally.add(accepted.owner, _reply(accepted, answer), _reply(accepted, found))
        self._service.metrics.shadow.labels(request.model, "failed" if is_failure(found) else "replied").inc()

    async def _ask(self, model: LoadedModel, accepted: Accepted, request: GenerationRequest) -> Answer | None:
        """The model's answer; None where somebody came before it was asked. Raises FeedwheelError."""
        sampling, settings = accepted.sampling, self._service.settings
        tokens = await asyncio.to_thread(accepted.asked.encode, model, request.callable_tools)
        matcher = await matcher_of(model, request)
        if not self._may_begin():
            return None
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        job = Job(
            tokens,
            sampling,
            sampling.max_tokens or settings.serving_answer_tokens,
            lambda delivery: self._mailbox.put(lambda end: _settle(answered, end), delivery),
            adapter=model.adapter,
            owner=_OWNER,
            stops=request.stops,
            bias=request.logit_bias,
            matcher=matcher,
            ignores_end=request.ignore_eos,
            deadline=time.monotonic() + settings.serving_timeout_s,
        )
        self._service.thread.submit(model.batch, job)
        self._job = job
        try:
            return await answered
        finally:
            self._job = None


def _settle(answered: "asyncio.Future[Answer]", end: Delivery) -> None:
    match end:
        case Answer():
            answered.set_result(end)
        case Exception():
            answered.set_exception(end)


def _checked(accepted: Accepted, answer: Answer) -> Answer:
    """As guardrails would let it pass."""
    assert accepted.exchange is not None  # whoever asked is known, or the shadow would not have been
    checked = check_output(answer.text, accepted.exchange.app_config.guardrails)
    return replace(answer, text=checked.text, guarded=checked.guarded)


def _reply(accepted: Accepted, answer: Answer) -> Reply:
    """Of the first attempt: the shadow has one only."""
    assert accepted.exchange is not None  # as above
    failed = is_failure(answer)
    return Reply(
        latency_ms=None if failed else answer.latency_ms,
        is_broken=was_retried(answer) or is_broken(accepted, answer),
        text=answer.text if accepted.exchange.consent == "content" and not failed else None,
        cached_tokens=answer.cached_tokens,
    )
