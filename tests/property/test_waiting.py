"""Who waits, for how long: places in a fair queue are exact, and expected seconds are those that a batch then takes."""

import random
from collections import deque
from statistics import mean

import numpy as np
import pytest
from feedwheel_capture.events import Sampling
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.engine.job import Job
from serving.engine.pace import Pace
from serving.engine.queue import FairQueue

PIECE, TOKEN_S, PASS_S = 256, 0.001, 0.05
ROUNDS = 30
owners = st.sampled_from([None, "a", "b", "c"])
sizes = st.integers(1, 600)


def job(owner: str | None = None, tokens: int = 1, **promised: float) -> Job:
    return Job(
        np.zeros(tokens, np.int64), Sampling(), 1, lambda delivery: None, owner=owner, submitted_at=0.0, **promised
    )


@given(st.lists(owners | st.just("next"), max_size=40), owners)
def test_who_is_ahead_is_who_is_let_in_before(history, owner):
    queue = FairQueue()
    for who in history:
        if who != "next":
            queue.push(job(who))
        elif len(queue):
            queue.pop()
    ahead, newcomer = list(queue.ahead_of(owner)), job(owner)
    queue.push(newcomer)
    before = []
    while (one := queue.pop()) is not newcomer:
        before.append(id(one))
    assert sorted(map(id, ahead)) == sorted(before)


@given(st.lists(st.tuples(owners, st.integers(1, 3), st.booleans()), max_size=20))
def test_who_leaves_is_taken_out_and_everybody_else_keeps_the_turn(asked):
    queue, others = FairQueue(), FairQueue()
    jobs = [(job(owner, tokens), leaves) for owner, tokens, leaves in asked]
    for one, leaves in jobs:
        queue.push(one)
        if not leaves:
            others.push(one)
    leaving = {id(one) for one, leaves in jobs if leaves}
    assert {id(one) for one in queue.take_out(lambda one: id(one) in leaving)} == leaving
    assert len(queue) == len(others) == len(jobs) - len(leaving)
    assert {id(one) for one in queue} == {id(one) for one in others}
    kept = {owner: [one for one, leaves in jobs if one.owner == owner and not leaves] for owner, _, _ in asked}
    while len(queue):
        one = queue.pop()
        assert one is kept[one.owner].pop(0)


class Simulated:
    """A batch whose prompts and passes take what they always do, under a clock of its own."""

    def __init__(self, rows: int, seed: int, answer_tokens: int, prompt_tokens: int) -> None:
        self.pace, self.rows, self.now = Pace(rows, PIECE), rows, 0.0
        self._draw, self._answer, self._prompt = random.Random(seed), answer_tokens, prompt_tokens
        self.running: list[list[int]] = []  # tokens of the prompt, and of the answer, that are still to come
        self.waiting: deque[int] = deque()

    def drawn(self) -> int:
        return max(1, round(self._prompt * self._draw.uniform(0.5, 1.5)))

    def run(self) -> int | None:
        """One pass; how many of those who wait had their turn in it."""
        self.pace.resumed(self.now)
        budget, let_in = PIECE, 0
        for row in self.running:
            budget -= self._compute(row, budget)
        while budget > 0 and len(self.running) < self.rows and self.waiting:
            row = [self.waiting.popleft(), 1 + int(self._draw.expovariate(1 / self._answer))]
            self.pace.began(row[0], 0)
            self.running.append(row)
            budget -= self._compute(row, budget)
            let_in += 1
        taken, self.now = len(self.running), self.now + PASS_S
        for row in self.running:
            row[1] -= not row[0]
            if not row[1]:
                self.pace.freed()
        self.running = [row for row in self.running if row[1]]
        self.pace.passed(self.now, taken)
        return let_in

    def _compute(self, row: list[int], budget: int) -> int:
        tokens = min(row[0], budget)
        if tokens:
            row[0] -= tokens
            self.now += tokens * TOKEN_S
            self.pace.computed(tokens, tokens * TOKEN_S)
        return tokens

    def expected_turn_s(self) -> float:
        places = max(0, len(self.waiting) + 1 - (self.rows - len(self.running)))
        return self.pace.turn_s(places, sum(row[0] for row in self.running), sum(self.waiting))


@settings(max_examples=25)
@given(st.integers(1, 32), st.integers(0, 999), st.integers(2, 60), st.integers(2, 400), st.integers(1, 60))
def test_the_expected_wait_is_the_wait_on_average(rows, seed, answer_tokens, prompt_tokens, waiting):
    expected, waited = [], []
    for round_ in range(ROUNDS):
        batch = Simulated(rows, seed + 1000 * round_, answer_tokens, prompt_tokens)
        for _ in range(waiting + 15 * max(rows, 4)):  # enough answers to know how it goes
            batch.waiting.append(batch.drawn())
        while len(batch.waiting) > waiting:
            batch.run()
        expected.append(batch.expected_turn_s())
        began, left = batch.now, len(batch.waiting)
        batch.waiting.append(1)  # whose turn it is that is waited for
        while left >= 0:
            left -= batch.run()
        waited.append(batch.now - began)
    # A pass more or less, and the scatter of a mean over as many answers as are waited for, whose lengths scatter as
    # much as they are long.
    scatter = 3.5 / (ROUNDS * waiting) ** 0.5
    assert mean(expected) == pytest.approx(mean(waited), rel=0.15 + scatter, abs=3 * (PASS_S + PIECE * TOKEN_S))
