"""One request on its way through the engine, and the answer that comes out."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from feedwheel_capture.events import Guarded, Sampling
from feedwheel_capture.vocabulary import Fallback, FinishReason

from schemas.errors import FeedwheelError
from serving.engine.adapters import NO_ADAPTER, Adapter
from serving.engine.grammar import Matcher
from serving.engine.sampling import TokenLogprob
from serving.engine.session import Tokens


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered. Times are seconds of `time.monotonic`; the first token's is None if none came.

    `cached_tokens` of the input had been computed before. `logprobs`: of each token of the text, if asked for.
    `guarded`: the guardrails that acted; `fallback`: what answered where the model may not, or could not.
    """

    text: str
    finish_reason: FinishReason
    input_tokens: int
    output_tokens: int
    submitted_at: float
    first_token_at: float | None
    finished_at: float
    cached_tokens: int = 0
    logprobs: tuple[TokenLogprob, ...] = ()
    guarded: tuple[Guarded, ...] = ()
    fallback: Fallback | None = None

    @property
    def latency_ms(self) -> float:
        """From submission to the last token."""
        return (self.finished_at - self.submitted_at) * 1000

    @property
    def time_to_first_token_ms(self) -> float | None:
        """From submission to the first token."""
        return None if self.first_token_at is None else (self.first_token_at - self.submitted_at) * 1000

    @property
    def time_per_token_ms(self) -> float | None:
        """Between two tokens, on average; None where there were not two."""
        if self.first_token_at is None or self.output_tokens < 2:
            return None
        return (self.finished_at - self.first_token_at) * 1000 / (self.output_tokens - 1)


@dataclass(frozen=True, slots=True)
class Piece:
    """Text that comes before the answer has ended, and the log-probabilities of the tokens that it came from."""

    text: str
    logprobs: tuple[TokenLogprob, ...] = ()


Delivery = Piece | Answer | FeedwheelError
"""Pieces where they are streamed, then exactly one answer or error."""


@dataclass(slots=True, eq=False)
class Job:
    """A prompt, how to answer it, and where the answer goes. `deliver` is called on the engine's thread.

    Two jobs are never equal, whatever they ask.

    `bias` is added to the logits of its tokens. `top_logprobs`: how many alternatives of each token are told; None
    tells nothing. `matcher`: what the answer must look like. `ignores_end`: answer until `max_tokens`, for benchmarks.
    """

    prompt: Tokens
    sampling: Sampling
    max_tokens: int
    deliver: Callable[[Delivery], None]
    adapter: Adapter | None = None
    owner: str | None = None
    """Who shares a turn with whom where jobs wait."""
    private_to: str | None = None
    """Whose later prompts may begin with this one, as it was computed; None: everybody's."""
    common: int = 0
    """Tokens of its beginning that everybody's may begin with in any case."""
    stops: tuple[str, ...] = ()
    bias: Mapping[int, float] | None = None
    top_logprobs: int | None = None
    matcher: Matcher | None = None
    ignores_end: bool = False
    streams: bool = False
    deadline: float = float("inf")
    """Instant of `time.monotonic` after which nobody waits any more."""
    promised_by: float = float("inf")
    """Instant until which its first token is promised: who would have to wait longer is refused."""
    submitted_at: float = field(default_factory=time.monotonic)
    cancelled: bool = False
    """Set by whoever waits when it no longer does; the engine frees the place at its next step."""

    @property
    def slot(self) -> int:
        """Of its adapter."""
        return NO_ADAPTER if self.adapter is None else self.adapter.slot
