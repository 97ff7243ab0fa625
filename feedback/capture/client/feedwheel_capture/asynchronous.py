"""Capture for an event loop: the same methods, awaited.

In and out: as `client`. Each call runs on a thread of its own kind, one after the other, so that the loop does not even
wait for a local write to a disk that is slow, and events keep the order in which they were recorded.
"""

import asyncio
import contextvars
import functools
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from feedwheel_capture.client import URL_LIFETIME, Answered, Capture, CaptureStats, ClientT
from feedwheel_capture.vocabulary import Consent

P = ParamSpec("P")
R = TypeVar("R")


def _awaited(
    method: Callable[Concatenate[Capture, P], R],
) -> Callable[Concatenate["AsyncCapture", P], Awaitable[R]]:
    @functools.wraps(method)
    async def wrapped(self: "AsyncCapture", /, *args: P.args, **kwargs: P.kwargs) -> R:
        # The conversation that the caller is in holds on the other thread too.
        call = functools.partial(contextvars.copy_context().run, method, self.capture, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._writer, call)

    return wrapped


class AsyncCapture:
    """Records for one application; `async with` closes it. Takes what `Capture` takes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.capture = Capture(*args, **kwargs)
        self._writer = ThreadPoolExecutor(1, "feedwheel-capture")

    generation = _awaited(Capture.generation)
    feedback = _awaited(Capture.feedback)
    thumbs = _awaited(Capture.thumbs)
    edited = _awaited(Capture.edited)
    exposure = _awaited(Capture.exposure)
    consent = _awaited(Capture.consent)
    erase = _awaited(Capture.erase)
    flush = _awaited(Capture.flush)
    close = _awaited(Capture.close)

    def wrap(self, client: ClientT) -> ClientT:
        """As `Capture.wrap`: a completion is recorded by one local write on the loop's own thread."""
        return self.capture.wrap(client)

    def conversation(
        self, user: str | None = None, conversation_id: str | None = None, consent: Consent | None = None
    ) -> AbstractContextManager[str]:
        """As `Capture.conversation`; it holds for the task that enters it."""
        return self.capture.conversation(user, conversation_id, consent)

    def feedback_url(
        self,
        base_url: str,
        answered: Answered,
        *,
        user: str | None = None,
        consent: Consent | None = None,
        lifetime: timedelta = URL_LIFETIME,
    ) -> str:
        """As `Capture.feedback_url`."""
        return self.capture.feedback_url(base_url, answered, user=user, consent=consent, lifetime=lifetime)

    @property
    def stats(self) -> CaptureStats:
        """How capture is doing."""
        return self.capture.stats

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *details: object) -> None:
        await self.close()
