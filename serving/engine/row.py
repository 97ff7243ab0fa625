"""One job in the batch: how much of it the cache holds, how its next token is chosen, and what of its text is free."""

import time
from dataclasses import dataclass, field, replace
from typing import Self

from feedwheel_capture.vocabulary import FinishReason
from tokenizers import Tokenizer

from serving.engine.job import Answer, Job, Piece
from serving.engine.sampling import Logits, Sampler, TokenLogprob, token_logprob
from serving.engine.session import Tokens
from serving.engine.text import AnswerText


@dataclass(slots=True)
class Row:
    """`held` tokens are in the cache, of them `cached` were there before; `next_token` is not yet.

    `pending`: tokens of the prompt that are still to be computed; until they are, the row takes no part in decoding.
    """

    job: Job
    sampler: Sampler
    text: AnswerText
    held: int
    cached: int
    pending: Tokens
    next_token: int
    output_tokens: int = 0
    first_token_at: float | None = None
    _logprobs: list[TokenLogprob] = field(default_factory=list)
    _told: int = 0
    """Of `_logprobs`, those that were delivered."""

    @classmethod
    def of(cls, job: Job, tokenizer: Tokenizer, shared: int) -> Self:
        """A job whose first `shared` tokens are in the cache."""
        # The last token goes through the common decoding step, which is where the first logits are read.
        return cls(
            job=job,
            sampler=Sampler(job.sampling, job.prompt, job.bias),
            text=AnswerText(tokenizer, job.stops),
            held=shared,
            cached=shared,
            pending=job.prompt[shared:-1],
            next_token=int(job.prompt[-1]),
        )

    def take(self, logits: Logits, eos: frozenset[int], context_tokens: int) -> FinishReason | None:
        """Choose the next token, once the one before is in the cache; why the answer ends, if it does.

        logits: float32 [vocab]. Raises EngineFault.
        """
        matcher = self.job.matcher
        token = self.sampler.pick(logits, None if matcher is None else matcher.allowed())
        self.held += 1
        self.next_token = token
        self.first_token_at = self.first_token_at or time.monotonic()
        if token in eos and not self.job.ignores_end:
            return "stop"
        if self.job.top_logprobs is not None:
            told = token_logprob(logits, token, self.job.top_logprobs)
            self._logprobs.append(replace(told, begins=self.text.length))
        self.output_tokens += 1
        self.sampler.take(token)
        self._free(self.text.add(token))
        if self.text.stopped or (matcher is not None and matcher.take(token)):
            return "stop"
        if self.output_tokens >= self.job.max_tokens or self.held + 1 >= context_tokens:
            return "length"
        return None

    def end(self, reason: FinishReason) -> Answer:
        """Deliver what was held back; the answer."""
        self._free(self.text.finish())
        return Answer(
            text=self.text.text,
            finish_reason="stop" if self.text.stopped else reason,
            input_tokens=len(self.job.prompt),
            output_tokens=self.output_tokens,
            submitted_at=self.job.submitted_at,
            first_token_at=self.first_token_at,
            finished_at=time.monotonic(),
            cached_tokens=self.cached,
            logprobs=self._logprobs_from(0),
        )

    def _free(self, text: str) -> None:
        if text and self.job.streams:
            logprobs = self._logprobs_from(self._told)
            self._told += len(logprobs)
            self.job.deliver(Piece(text, logprobs))

    def _logprobs_from(self, first: int) -> tuple[TokenLogprob, ...]:
        """Of the tokens whose text is free: what a stop string took back has none."""
        free = len(self.text.text)
        return tuple(told for told in self._logprobs[first:] if told.begins < free)
