"""Goodput under overload, in simulated time: the real batch, with a decoder that takes as long as int4 on two cores."""

import random
from types import SimpleNamespace

import numpy as np
import pytest
from feedwheel_capture.events import Sampling
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from serving.engine import batch as batch_module
from serving.engine import row as row_module
from serving.engine.batch import Batch
from serving.engine.errors import Overloaded
from serving.engine.job import Answer, Job
from serving.engine.thread import InferenceThread

ROWS, OBJECTIVE_S, SECONDS = 32, 2.0, 60
TOKEN_S, STEP_S, ROW_S = 0.0008, 0.035, 0.001
PROMPT, ANSWER = 128, 32  # tokens


class Decoder:
    """Says the same always, and lets time pass."""

    artifact = SimpleNamespace(eos=frozenset())
    cache = SimpleNamespace(can_copy_rows=True, rows=ROWS, context_tokens=10_000, copy_row=lambda *_: None)
    decoded_rows = ROWS
    now = 0.0

    def step_rows(self, rows):
        return rows

    def prefill(self, row, tokens, start, slot):
        self.now += TOKEN_S * len(tokens)

    def decode(self, tokens, lengths, slots):
        self.now += STEP_S + ROW_S * len(tokens)
        return np.zeros((len(tokens), 1), np.float32)

    def monotonic(self):
        return self.now


@pytest.fixture
def goodput(monkeypatch):
    """By requests in a second: answers in a second whose first token comes in time; the share of late refusals."""

    def measure(per_s: float, prompt: int, answer: int, promised_s: float = OBJECTIVE_S) -> tuple[float, float]:
        decoder, draw, ends = Decoder(), random.Random(1), []
        monkeypatch.setattr(batch_module, "time", decoder)
        monkeypatch.setattr(row_module, "time", decoder)
        tokenizer = Tokenizer(WordLevel({"a": 0}, "a"))
        batch, thread = Batch(decoder, tokenizer, ROWS), InferenceThread(256)
        thread.add(batch)
        at, number = 0.0, 0
        while decoder.now < SECONDS:
            while at <= decoder.now:
                tokens = np.full(1 + int(draw.uniform(0.5, 1.5) * prompt), number, np.int64)
                length = 1 + int(draw.expovariate(1 / answer))
                promise = {"submitted_at": at, "promised_by": at + promised_s}
                job = Job(tokens, Sampling(), length, ends.append, owner=str(number), **promise)
                try:
                    thread.submit(batch, job)
                except Overloaded as refusal:
                    ends.append(refusal)
                at, number = at + draw.expovariate(per_s), number + 1
            if not batch.work():
                decoder.now = at
        late = sum(isinstance(one, Overloaded) and one.reason == "late" for one in ends) / len(ends)
        good = [one for one in ends if isinstance(one, Answer) and one.time_to_first_token_ms <= OBJECTIVE_S * 1000]
        return len(good) / SECONDS, late

    return measure


@pytest.mark.parametrize(("prompt", "answer"), [(128, 32), (128, 200), (601, 32)])
def test_goodput_is_as_high_at_four_times_saturation(goodput, prompt, answer):
    most = 1 / (prompt * TOKEN_S + answer * (STEP_S / ROWS + ROW_S))
    once, _ = goodput(most, prompt, answer)
    often, late = goodput(4 * most, prompt, answer)
    assert often > 0.85 * most
    assert often > once
    assert late < 0.1
    # Were nobody refused, hardly anybody but the first would be answered in time.
    assert goodput(4 * most, prompt, answer, promised_s=float("inf"))[0] < 0.4 * most


def test_nobody_is_refused_long_before_saturation(goodput):
    per_s = 0.3 / (PROMPT * TOKEN_S + ANSWER * (STEP_S / ROWS + ROW_S))
    assert goodput(per_s, PROMPT, ANSWER)[0] == goodput(per_s, PROMPT, ANSWER, promised_s=float("inf"))[0]
