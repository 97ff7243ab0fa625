"""Continuous batching for one model: every step gives one token to every row that has its prompt in the cache.

In: jobs. Out: their answers. A job joins between two steps and leaves at the step that ends it, so a short answer does
not wait for a long one; prompts are computed piece by piece between steps, so that a long one delays nobody for long.
An answer is the same to the last bit whoever shares the batch: a prompt is computed alone and divided between tiles
only, a decoding step treats rows apart, and only what was computed as a prompt is ever reused for another prompt.
"""

import logging
import math
import threading
import time
from collections.abc import Sequence
from typing import Final

import numpy as np
from tokenizers import Tokenizer

from schemas.errors import FeedwheelError
from serving.engine.adapters import NO_ADAPTER
from serving.engine.errors import DeadlineExceeded, EngineFault, Overloaded, PromptTooLong, Refusal
from serving.engine.job import Answer, Job
from serving.engine.pace import Pace
from serving.engine.prefixes import Beginning, Prefixes
from serving.engine.queue import FairQueue
from serving.engine.row import Row
from serving.engine.sampling import Logits
from serving.engine.session import Decoder, Tokens, divided

_LOG: Final = logging.getLogger(__name__)
"""What the runtime complains of is shapes and numbers; no text passes through here."""

_PREFILL_TOKENS_PER_STEP: Final = 256
"""Of prompts, computed between two decoding steps: about 0.2 s on two cores, which running streams wait."""


class Batch:
    """Rows of one model, and the jobs that wait for one. What is not said to be anyone's is the inference thread's."""

    def __init__(self, decoder: Decoder, tokenizer: Tokenizer, max_rows: int) -> None:
        self.decoder = decoder
        self.max_rows = max_rows
        self._tokenizer = tokenizer
        self._lock = threading.Lock()
        self._waiting = FairQueue()
        self._accepted = 0
        self._ended = 0
        self._rows: list[Row | None] = []
        self._prefixes = Prefixes(decoder.cache, spare_from=decoder.decoded_rows)
        self._pace = Pace(max_rows, _PREFILL_TOKENS_PER_STEP)

    def accept(self, job: Job) -> None:
        """Let a job wait for a row. Only one thread at a time may call this. Raises Withdrawn."""
        if job.adapter is not None:
            self.decoder.adapters.hold(job.adapter)
        self._accepted += 1
        with self._lock:
            self._waiting.push(job)

    def check_length(self, prompt: Tokens) -> None:
        """Raise PromptTooLong if a prompt leaves no room for an answer: the step that decodes it would fail for all."""
        if len(prompt) >= (limit := self.decoder.cache.context_tokens):
            raise PromptTooLong(len(prompt), limit)

    def check_promise(self, newcomer: Job) -> None:
        """Raise Overloaded if so many are before it that its first token would come after it is promised."""
        now, free = time.monotonic(), self.max_rows - self.size
        with self._lock:
            # Who is late has no claim against who is not.
            ahead = [job for job in self._waiting.ahead_of(newcomer.owner) if not self._pace.is_late(job, now)]
        if (ahead or not free) and not self._pace.keeps_promise(newcomer, now, self._turn_s(ahead)):
            raise self._overload("wait", ahead)

    def check_room(self, newcomers: Sequence[Job], most: int) -> None:
        """Raise Overloaded unless all of them may wait, where `most` may, longest lines giving way."""
        with self._lock:
            waiting = list(self._waiting)
        if len(waiting) + len(newcomers) <= most:
            return
        trial = FairQueue()
        for job in waiting:
            trial.push(job)
        for job in newcomers:
            if len(trial) >= most:
                displaced = trial.displace_for(job)
                if displaced is None or any(displaced is one for one in newcomers):
                    raise self._overload("full", waiting, len(newcomers))
            trial.push(job)

    def make_room_for(self, newcomer: Job) -> None:
        """Let the longest line of waiting jobs give way to it. Only one thread at a time may call this."""
        with self._lock:
            displaced = self._waiting.displace_for(newcomer)
        if displaced is not None:
            self._end(displaced, self._refused("displaced"))

    def _refused(self, reason: Refusal) -> Overloaded:
        """For who may not wait any longer: all who do come first."""
        with self._lock:
            waiting = list(self._waiting)
        return self._overload(reason, waiting)

    def _overload(self, reason: Refusal, ahead: Sequence[Job], jobs: int = 1) -> Overloaded:
        # While nothing is measured: a second for each round of the batch.
        wait_s = self._turn_s(ahead) or len(ahead) / self.max_rows
        return Overloaded(self.waiting, retry_after_s=max(1, math.ceil(wait_s)), reason=reason, jobs=jobs)

    def _turn_s(self, ahead: Sequence[Job]) -> float:
        """Until the turn of who comes after those."""
        rows = [row for row in self._rows if row is not None]
        pending, prompts = sum(len(row.pending) for row in rows), sum(len(job.prompt) for job in ahead)
        return self._pace.turn_s(max(0, len(ahead) + 1 - (self.max_rows - len(rows))), pending, prompts)

    @property
    def waiting(self) -> int:
        """Jobs that have no row yet; anyone may ask."""
        return len(self._waiting)

    @property
    def size(self) -> int:
        """Jobs that have a row; anyone may ask."""
        return sum(row is not None for row in self._rows)

    @property
    def idle(self) -> bool:
        """Whether every accepted job has its end; true in every thread, also while a job is between queue and row."""
        return self._accepted == self._ended

    def work(self) -> int:
        """Let waiting jobs in, compute prompts, then decode one step; the number of rows that took part."""
        if self.idle:
            return 0
        self._pace.resumed(time.monotonic())
        self._leave_unwanted()
        self._leave_late()
        self._compute_prompts()
        self._close_gaps()
        rows = self.size
        if any(row is not None and not len(row.pending) for row in self._rows):
            self._step()
        if rows:
            self._pace.passed(time.monotonic(), rows)
        if self.idle:
            self._pace.rested()
        return rows

    def fail_all(self, error: FeedwheelError) -> None:
        """End every job with an error."""
        for place in range(len(self._rows)):
            self._fail(place, error)
        with self._lock:
            waiting = self._waiting.take_out(lambda job: True)
        for job in waiting:
            self._end(job, error)

    def _end(self, job: Job, end: Answer | FeedwheelError) -> None:
        """Every job's last delivery."""
        if job.adapter is not None:
            self.decoder.adapters.release(job.adapter)
        job.deliver(end)
        with self._lock:
            self._ended += 1

    def _leave_unwanted(self) -> None:
        """End jobs that nobody waits for any more, in the batch and before it."""
        now = time.monotonic()
        for place, row in enumerate(self._rows):
            if row is not None and row.job.cancelled:
                self._finish(place, row, row.end("cancelled"))
            elif row is not None and row.job.deadline < now:
                self._fail(place, DeadlineExceeded("the answer was not finished in time"))
        with self._lock:
            unwanted = self._waiting.take_out(lambda job: job.cancelled or job.deadline < now)
        for job in unwanted:
            self._end(job, _unstarted(job) if job.cancelled else DeadlineExceeded("no place came free in time"))

    def _leave_late(self) -> None:
        """End jobs that are too late, where others wait who are not yet: answering the former makes the latter late."""
        now = time.monotonic()
        with self._lock:
            late = {id(job) for job in self._waiting if self._pace.is_late(job, now)}
            left = self._waiting.take_out(lambda job: id(job) in late) if len(late) < len(self._waiting) else []
        for job in left:
            self._end(job, self._refused("late"))

    def _compute_prompts(self) -> None:
        """Go on with prompts, those begun first, as far as the tokens between two steps go."""
        budget = _PREFILL_TOKENS_PER_STEP
        for place, row in enumerate(self._rows):
            if row is not None:
                budget -= self._compute(place, row, budget)
        while budget > 0 and self.size < self.max_rows and (job := self._next()):
            place = self._rows.index(None) if None in self._rows else len(self._rows)
            row = self._start(place, job)
            budget -= self._compute(place, row, budget)
            if len(row.pending):  # its next piece comes first; what is left of the budget may be too little for any
                break

    def _next(self) -> Job | None:
        with self._lock:
            return self._waiting.pop() if len(self._waiting) else None

    def _start(self, place: int, job: Job) -> Row:
        """Give a job a free row, with what is known of its prompt."""
        row = Row.of(job, self._tokenizer, shared=self._prefixes.reuse(place, _beginning(job, -1)))
        self._rows[place : place + 1] = [row]
        self._pace.began(len(job.prompt), row.cached)
        return row

    def _compute(self, place: int, row: Row, budget: int) -> int:
        """Compute what is left of a row's prompt, at most `budget` tokens of it; the number of tokens computed."""
        tokens = row.pending[: max(0, divided(len(row.pending), budget))]
        if not len(tokens):
            return 0
        began = time.monotonic()
        try:
            self.decoder.prefill(place, tokens, row.held, row.job.slot)
        except Exception as error:  # ORT's exception classes share no public base
            _LOG.error("a prompt failed: %s", error)
            self._prefixes.forget(place)
            self._fail(place, EngineFault(f"the prompt failed: {type(error).__name__}"))
            return len(tokens)
        self._pace.computed(len(tokens), time.monotonic() - began)
        row.held += len(tokens)
        row.pending = row.pending[len(tokens) :]
        self._prefixes.computed(place, _beginning(row.job, row.held))
        return len(tokens)

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
            self._prefixes.moved(last, place)
            while self._rows and self._rows[-1] is None:
                self._rows.pop()

    def _step(self) -> None:
        """Decode one token of every row.

        A row whose prompt is not done takes part for nothing: the next piece of its prompt overwrites what it writes.
        """
        rows = [*self._rows, *[None] * (self.decoder.step_rows(len(self._rows)) - len(self._rows))]
        tokens = np.array([row.next_token if row else 0 for row in rows], np.int64)
        lengths = np.array([row.held + 1 if row else 1 for row in rows], np.int64)
        slots = np.array([row.job.slot if row else NO_ADAPTER for row in rows], np.int64)
        for place, row in enumerate(rows):
            if row is None:
                self._prefixes.forget(place)  # an empty row still writes its first position
        try:
            logits = self.decoder.decode(tokens, lengths, slots)
        except Exception as error:  # ORT's exception classes share no public base
            _LOG.error("a decoding step failed: %s", error)
            for place in range(len(self._rows)):
                self._fail(place, EngineFault(f"a decoding step failed: {type(error).__name__}"))
            return
        for place, row in enumerate(self._rows):
            if row is not None and not len(row.pending):
                self._take(place, row, logits[place])

    def _take(self, place: int, row: Row, logits: Logits) -> None:
        """Give a row its next token; logits: float32 [vocab]. What one request asks for must not end the others."""
        try:
            reason = row.take(logits, self.decoder.artifact.eos, self.decoder.cache.context_tokens)
            answer = None if reason is None else row.end(reason)
        except EngineFault as fault:
            self._fail(place, fault)
        except Exception as error:
            _LOG.exception("a token could not be chosen")
            self._fail(place, EngineFault(f"the next token could not be chosen: {type(error).__name__}"))
        else:
            if answer is not None:
                self._finish(place, row, answer)

    def _finish(self, place: int, row: Row, answer: Answer) -> None:
        self._rows[place] = None
        self._pace.freed()
        self._end(row.job, answer)

    def _fail(self, place: int, error: FeedwheelError) -> None:
        row, self._rows[place] = self._rows[place], None
        if row is not None:
            self._pace.freed()
            self._end(row.job, error)


def _beginning(job: Job, tokens: int) -> Beginning:
    """So many tokens of a job's prompt; of a negative number, all but so many."""
    return Beginning(job.prompt[:tokens], job.adapter, job.private_to, job.common)


def _unstarted(job: Job) -> Answer:
    now = time.monotonic()
    return Answer("", "cancelled", len(job.prompt), 0, job.submitted_at, None, now)
