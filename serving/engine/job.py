"""One request on its way through the engine, and the answer that comes out."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from feedwheel_capture.events import Sampling
from feedwheel_capture.vocabulary import FinishReason

from schemas.errors import FeedwheelError
from serving.engine.session import Tokens


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said. Times are seconds of `time.monotonic`; the first token's is None if none came."""

    text: str
    finish_reason: FinishReason
    input_tokens: int
    output_tokens: int
    submitted_at: float
    first_token_at: float | None
    finished_at: float

    @property
    def latency_ms(self) -> float:
        """From submission to the last token."""
        return (self.finished_at - self.submitted_at) * 1000

    @property
    def time_to_first_token_ms(self) -> float | None:
        """From submission to the first token."""
        return None if self.first_token_at is None else (self.first_token_at - self.submitted_at) * 1000


Delivery = str | Answer | FeedwheelError
"""Pieces of text where they are streamed, then exactly one answer or error."""


@dataclass(slots=True)
class Job:
    """A prompt, how to answer it, and where the answer goes. `deliver` is called on the engine's thread."""

    prompt: Tokens
    sampling: Sampling
    max_tokens: int
    deliver: Callable[[Delivery], None]
    stops: tuple[str, ...] = ()
    streams: bool = False
    deadline: float = float("inf")
    """Instant of `time.monotonic` after which nobody waits any more."""
    submitted_at: float = field(default_factory=time.monotonic)
    cancelled: bool = False
    """Set by whoever waits when it no longer does; the engine frees the place at its next step."""
