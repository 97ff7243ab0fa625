"""Continuous batching for one model: every step gives one token to every row.

In: jobs. Out: their answers. A job joins between two steps and leaves at the step that ends it, so a short answer does
not wait for a long one. An answer is the same to the last bit whoever shares the batch: a prompt is computed alone, a
decoding step treats rows apart, and only what was computed as a prompt is ever reused for another prompt.
"""

import logging
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from feedwheel_capture.vocabulary import FinishReason
from tokenizers import Tokenizer

from schemas.errors import FeedwheelError
from serving.engine.errors import DeadlineExceeded, EngineFault
from serving.engine.job import Answer, Job
from serving.engine.sampling import Sampler
from serving.engine.session import ROW_TILE, Decoder, Tokens, whole_tiles
from serving.engine.text import AnswerText

_LOG: Final = logging.getLogger(__name__)
"""What the runtime complains of is shapes and numbers; no text passes through here."""

_PREFILL_TOKENS_PER_STEP: Final = 256
"""Prompts computed between two decoding steps: about 0.2 s on two cores, which running streams wait."""
_LEAST_SHARED_TOKENS: Final = 16
"""Below this, copying the cache of a shared beginning costs as much as computing it."""
_NOTHING: Final[Tokens] = np.empty(0, np.int64)


@dataclass(slots=True)
class _Row:
    """A job in the batch. `held` tokens of it are in the cache; `next_token` is not yet."""

    job: Job
    sampler: Sampler
    text: AnswerText
    held: int
    next_token: int
    output_tokens: int = 0
    first_token_at: float | None = None


@dataclass(slots=True)
class Batch:
    """Rows of one model, and the jobs that wait for one. All but `accept` and `idle` is the inference thread's."""

    decoder: Decoder
    tokenizer: Tokenizer
    max_rows: int
    _waiting: deque[Job] = field(default_factory=deque)
    _accepted: int = 0
    _ended: int = 0
    _rows: list[_Row | None] = field(default_factory=list)
    _prompts: dict[int, Tokens] = field(default_factory=dict)
    """By cache row, the tokens whose keys and values were computed as a prompt and still lie there."""

    def accept(self, job: Job) -> None:
        """Let a job wait for a row. Only one thread at a time may call this."""
        self._accepted += 1
        self._waiting.append(job)

    @property
    def waiting(self) -> int:
        """Jobs that have no row yet."""
        return len(self._waiting)

    @property
    def size(self) -> int:
        """Jobs that have a row."""
        return sum(row is not None for row in self._rows)

    @property
    def idle(self) -> bool:
        """Whether every accepted job has its end; true in every thread, also while a job is between queue and row."""
        return self._accepted == self._ended

    def work(self) -> int:
        """Let waiting jobs in, then decode one step; the number of rows that took part."""
        self._leave_unwanted()
        self._admit()
        self._close_gaps()
        rows = self.size
        if rows:
            self._step()
        return rows

    def fail_all(self, error: FeedwheelError) -> None:
        """End every job with an error."""
        for place in range(len(self._rows)):
            self._fail(place, error)
        while self._waiting:
            self._end(self._waiting.popleft(), error)

    def _end(self, job: Job, end: Answer | FeedwheelError) -> None:
        """Every job's last delivery."""
        job.deliver(end)
        self._ended += 1

    def _leave_unwanted(self) -> None:
        """End jobs that nobody waits for any more, in the batch and before it."""
        now = time.monotonic()
        for place, row in enumerate(self._rows):
            if row is not None and row.job.cancelled:
                self._finish(place, "cancelled")
            elif row is not None and row.job.deadline < now:
                self._fail(place, DeadlineExceeded("the answer was not finished in time"))
        for _ in range(len(self._waiting)):
            job = self._waiting.popleft()
            if job.cancelled:
                self._end(job, _unstarted(job))
            elif job.deadline < now:
                self._end(job, DeadlineExceeded("no place came free in time"))
            else:
                self._waiting.append(job)

    def _admit(self) -> None:
        budget = _PREFILL_TOKENS_PER_STEP
        while budget > 0 and self._waiting and self.size < self.max_rows:
            job = self._waiting.popleft()
            try:
                budget -= self._start(job)
            except Exception as error:  # ORT's exception classes share no public base
                _LOG.error("a prompt failed: %s", error)
                self._end(job, EngineFault(f"the prompt failed: {type(error).__name__}"))

    def _start(self, job: Job) -> int:
        """Compute a job's prompt, except its last token, in a free row; the number of tokens computed."""
        place = self._rows.index(None) if None in self._rows else len(self._rows)
        # The last token goes through the common decoding step, which is where the first logits are read.
        prompt, shared = job.prompt[:-1], self._reuse(place, job.prompt[:-1])
        self._prompts.pop(place, None)
        if shared < len(prompt):
            self.decoder.prefill(place, prompt[shared:], shared)
        self._prompts[place] = prompt
        row = _Row(job, Sampler(job.sampling), AnswerText(self.tokenizer, job.stops), len(prompt), int(job.prompt[-1]))
        if place == len(self._rows):
            self._rows.append(row)
        else:
            self._rows[place] = row
        return len(prompt) - shared

    def _reuse(self, place: int, prompt: Tokens) -> int:
        """Bring the longest known beginning of `prompt` into row `place`; its length in tokens."""
        cache = self.decoder.cache
        known = self._prompts if cache.can_copy_rows else {place: self._prompts.get(place, _NOTHING)}
        lengths = {source: _reusable_length(tokens, prompt) for source, tokens in known.items()}
        source = max(lengths, key=lambda row: lengths[row], default=place)
        shared = lengths.get(source, 0)
        if shared < _LEAST_SHARED_TOKENS:
            return 0
        if source != place:
            cache.copy_row(source, place, shared)
        return shared

    def _close_gaps(self) -> None:
        """Move the last rows into free ones, so that no step computes rows for nobody."""
        while self._rows and self._rows[-1] is None:
            self._rows.pop()
        while self.decoder.cache.can_copy_rows and None in self._rows:
            place, last = self._rows.index(None), len(self._rows) - 1
            moved = self._rows.pop()
            assert moved is not None  # rows end with one that is taken
            self.decoder.cache.copy_row(last, place, moved.held)
            self._rows[place] = moved
            self._prompts[place] = self._prompts[last]
            while self._rows and self._rows[-1] is None:
                self._rows.pop()

    def _step(self) -> None:
        rows = [*self._rows, *[None] * (whole_tiles(len(self._rows)) - len(self._rows))]
        tokens = np.array([row.next_token if row else 0 for row in rows], np.int64)
        lengths = np.array([row.held + 1 if row else 1 for row in rows], np.int64)
        for place, row in enumerate(rows):
            if row is None:
                self._prompts.pop(place, None)  # an empty row still writes its first position
        try:
            logits = self.decoder.decode(tokens, lengths)
        except Exception as error:  # ORT's exception classes share no public base
            _LOG.error("a decoding step failed: %s", error)
            for place in range(len(self._rows)):
                self._fail(place, EngineFault(f"a decoding step failed: {type(error).__name__}"))
            return
        for place, row in enumerate(self._rows):
            if row is not None:
                try:
                    self._take(place, row, row.sampler.pick(logits[place]))
                except EngineFault as fault:
                    self._fail(place, fault)

    def _take(self, place: int, row: _Row, token: int) -> None:
        """Append a chosen token to a row; end the row if it is the last."""
        row.held += 1
        row.next_token = token
        row.first_token_at = row.first_token_at or time.monotonic()
        if token in self.decoder.artifact.eos:
            self._finish(place, "stop")
            return
        row.output_tokens += 1
        piece = row.text.add(token)
        if piece and row.job.streams:
            row.job.deliver(piece)
        if row.text.stopped:
            self._finish(place, "stop")
        elif row.output_tokens >= row.job.max_tokens or row.held + 1 >= self.decoder.cache.context_tokens:
            self._finish(place, "length")

    def _finish(self, place: int, reason: FinishReason) -> None:
        row, self._rows[place] = self._rows[place], None
        assert row is not None  # only rows that are taken end
        rest = row.text.finish()
        if rest and row.job.streams:
            row.job.deliver(rest)
        answer = Answer(
            text=row.text.text,
            finish_reason="stop" if row.text.stopped else reason,
            input_tokens=len(row.job.prompt),
            output_tokens=row.output_tokens,
            submitted_at=row.job.submitted_at,
            first_token_at=row.first_token_at,
            finished_at=time.monotonic(),
        )
        self._end(row.job, answer)

    def _fail(self, place: int, error: FeedwheelError) -> None:
        row, self._rows[place] = self._rows[place], None
        if row is not None:
            self._end(row.job, error)


def _reusable_length(known: Tokens, prompt: Tokens) -> int:
    """Tokens of `known` that can stand for the beginning of `prompt` to the last bit: whole tiles, or all of it."""
    if np.array_equal(known, prompt):
        return len(prompt)
    length = min(len(known), len(prompt))
    differing = np.flatnonzero(known[:length] != prompt[:length])
    shared = int(differing[0]) if len(differing) else length
    shared -= shared % ROW_TILE
    # A rest of one token would be computed as a decoding step is, which rounds differently.
    return shared - ROW_TILE if len(prompt) - shared == 1 else shared


def _unstarted(job: Job) -> Answer:
    now = time.monotonic()
    return Answer("", "cancelled", len(job.prompt), 0, job.submitted_at, None, now)
