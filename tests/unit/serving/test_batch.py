"""Continuous batching: nobody's answer depends on who else asks, and nobody waits for nothing."""

import random
import time
from collections import defaultdict

import numpy as np
import pytest
from feedwheel_capture.events import Sampling

from serving.engine import batch, row
from serving.engine.chat import ChatMessage
from serving.engine.errors import Closing, DeadlineExceeded, EngineFault, Overloaded, PromptTooLong, Withdrawn
from serving.engine.job import Job
from serving.engine.sampling import Sampler
from tests.served import await_true
from tests.unit.serving.conftest import Engine


def messages(count: int) -> list[str]:
    """Texts of many lengths, some of which begin alike."""
    draw = random.Random(5)
    words = ["card", "lost", "my", "transfer", "has", "not", "arrived", "é", "why"]
    texts = [" ".join(draw.choices(words, k=draw.randint(1, 14))) for _ in range(count)]
    return texts + [f"{text} {draw.choice(words)}" for text in texts[: count // 2]] + texts[:3]


@pytest.fixture
def logits_of(monkeypatch) -> dict[int, list[bytes]]:
    """The logits of every step of a job, by the seed of the job."""
    seen: dict[int, list[bytes]] = defaultdict(list)

    class Watching(Sampler):
        def pick(self, logits, allowed=None):
            seen[self._sampling.seed].append(logits.tobytes())
            return super().pick(logits, allowed)

    monkeypatch.setattr(row, "Sampler", Watching)
    return seen


def test_an_answer_is_the_same_alone_and_in_any_company(engine, logits_of):
    texts, lengths = messages(16), [3, 17, 8, 12, 5]
    for place, text in enumerate(texts):
        assert engine(rows=2).ask(text, lengths[place % 5], Sampling(seed=place)).answer
    alone = dict(logits_of)
    logits_of.clear()
    crowded = engine(rows=5)
    asked = [crowded.ask(text, lengths[place % 5], Sampling(seed=place)) for place, text in enumerate(texts)]
    assert all(one.answer for one in asked)
    # To the last bit: the model is int4, whose kernels round differently by the number of rows they are given.
    assert logits_of == alone
    assert len({tuple(steps) for steps in alone.values()}) > 10


@pytest.fixture
def slow(engine, monkeypatch):
    """Make an engine whose steps take 5 ms at least: something happens meanwhile."""

    def make(rows: int) -> Engine:
        made = engine(rows=rows)
        decode = made.batch.decoder.decode
        monkeypatch.setattr(made.batch.decoder, "decode", lambda *given: time.sleep(0.005) or decode(*given))
        return made

    return make


def test_a_short_answer_does_not_wait_for_a_long_one(slow):
    busy = slow(rows=2)
    long = busy.ask("a long one", max_tokens=150)
    short = [busy.ask(f"short {number}", max_tokens=2) for number in range(3)]
    assert [one.answer.output_tokens for one in short] == [2, 2, 2]
    assert long.end is None
    assert long.answer.finish_reason == "length"


def test_who_leaves_frees_the_place(slow):
    busy = slow(rows=1)
    leaver, waiting = busy.ask("one", max_tokens=200, streams=True), busy.ask("two", max_tokens=2)
    await_true(lambda: leaver.pieces)
    leaver.job.cancelled = True
    assert leaver.answer.finish_reason == "cancelled"
    assert 0 < leaver.answer.output_tokens < 200
    assert waiting.answer.output_tokens == 2


def test_who_leaves_before_the_start_costs_nothing(engine):
    idle = engine(started=False)
    asked = idle.ask("one")
    asked.job.cancelled = True
    assert idle.batch.work() == 0
    assert (asked.answer.finish_reason, asked.answer.output_tokens) == ("cancelled", 0)


def test_who_leaves_the_middle_of_a_line_disturbs_nobody(slow):
    busy = slow(rows=1)
    running = busy.ask("one", max_tokens=100, streams=True)
    await_true(lambda: running.pieces)
    line = [busy.ask(f"{'words ' * number} of mine", max_tokens=2, owner="ann") for number in range(4)]
    other = busy.ask("two", max_tokens=2, owner="bob")
    line[1].job.cancelled = line[3].job.cancelled = True
    assert [one.answer.finish_reason for one in line] == ["length", "cancelled", "length", "cancelled"]
    assert (running.answer.output_tokens, other.answer.output_tokens) == (100, 2)


def test_a_deadline_ends_what_waits_and_what_runs(slow):
    busy = slow(rows=1)
    running = busy.ask("one", max_tokens=200, deadline=time.monotonic() + 0.3)
    waiting = busy.ask("two", deadline=time.monotonic() + 0.2)
    for asked in (running, waiting):
        with pytest.raises(DeadlineExceeded):
            _ = asked.answer


def test_a_full_queue_refuses_and_says_when_to_come_back(engine):
    full = engine(max_waiting=2, started=False)
    full.ask("one"), full.ask("two")
    with pytest.raises(Overloaded) as refusal:
        full.ask("three")
    assert refusal.value.retry_after_s >= 1


@pytest.fixture
def busy(slow):
    """An engine with one row, which knows that an answer takes about .1 s, and who has the row for a second or so."""
    made = slow(rows=1)
    for number in range(3):
        assert made.ask(f"before {number}", 20, owner="before").answer
    running = made.ask("one", 200, streams=True)
    await_true(lambda: running.pieces)
    return made


def soon(seconds: float = 0.5) -> float:
    return time.monotonic() + seconds


def test_who_would_wait_longer_than_promised_is_refused_by_its_place_in_the_line(busy):
    flood = [busy.ask(f"flood {number}", 20, owner="a") for number in range(30)]
    with pytest.raises(Overloaded) as refusal:
        busy.ask("too many", owner="a", promised_by=soon())
    assert refusal.value.reason == "wait"
    assert 2 <= refusal.value.retry_after_s < 30
    busy.ask("other", owner="b", promised_by=soon())  # before whom one of the flood has its turn
    busy.ask("patient", owner="a")
    assert all(one.end is None for one in flood)


def test_who_is_late_gives_way_to_who_is_not_and_waits_for_nobody_else(busy):
    late = busy.ask("late", 1, owner="a", promised_by=soon(0.3))
    await_true(lambda: time.monotonic() > late.job.promised_by)
    assert busy.batch.waiting == 1
    timely = busy.ask("timely", 1, owner="a", promised_by=soon(30))  # not behind who is late
    with pytest.raises(Overloaded) as refusal:
        _ = late.answer
    assert refusal.value.reason == "late"
    assert timely.answer


def test_nobody_is_refused_a_free_row(engine):
    """However long its prompt takes, and whatever the batch was like before it rested."""
    idle = engine(rows=1)
    assert idle.ask("before", 100).answer
    time.sleep(0.2)
    assert idle.ask("z" * 200, 1, promised_by=soon(1e-6)).answer
    # The time without work is no pass of the batch.
    assert idle.batch._pace.first_token_s(0) < 0.1


def test_stop_strings_and_pieces(engine):
    plain = engine().ask("tell me", max_tokens=20).answer.text
    stop = plain[4:6]
    asked = engine().ask("tell me", max_tokens=20, stops=(stop,), streams=True)
    assert asked.answer.text == plain[: plain.index(stop)]
    assert asked.answer.finish_reason == "stop"
    assert "".join(asked.pieces) == asked.answer.text


def test_sampling_depends_on_its_seed_alone(engine):
    warm = Sampling(temperature=1.5, seed=11)
    alone = engine().ask("tell me", 20, warm).answer.text
    crowded = engine()
    others = [crowded.ask(f"other {number}", 20, Sampling(temperature=1.0)) for number in range(4)]
    assert crowded.ask("tell me", 20, warm).answer.text == alone
    assert crowded.ask("tell me", 20, Sampling(temperature=1.5, seed=12)).answer.text != alone
    assert all(one.answer for one in others)


def test_a_known_beginning_is_not_computed_again(engine, monkeypatch):
    one = engine(started=False)
    computed = []
    prefill = one.batch.decoder.prefill
    monkeypatch.setattr(
        one.batch.decoder,
        "prefill",
        lambda row, tokens, *given: (computed.append(len(tokens)), prefill(row, tokens, *given)),
    )
    first = one.ask("the first question", max_tokens=1)
    one.batch.work()
    again = one.ask("the first question", max_tokens=1)
    one.batch.work()
    other = one.ask("the first problem", max_tokens=1)
    one.batch.work()
    whole = len(first.job.prompt) - 1
    assert computed[0] == whole
    assert len(computed) == 2  # the same again costs nothing
    assert computed[1] < whole / 2
    assert first.answer.text == again.answer.text
    assert other.answer.input_tokens == len(other.job.prompt)


def test_a_failed_step_fails_its_requests_and_no_others(engine, monkeypatch):
    broken = engine()
    decode = broken.batch.decoder.decode
    monkeypatch.setattr(broken.batch.decoder, "decode", lambda *_: 1 / 0)
    with pytest.raises(EngineFault):
        _ = broken.ask("one").answer
    monkeypatch.setattr(broken.batch.decoder, "decode", decode)
    assert broken.ask("one").answer.output_tokens


def test_numbers_that_are_none_are_a_fault_not_an_answer(engine, monkeypatch):
    sick = engine()
    decode = sick.batch.decoder.decode
    monkeypatch.setattr(sick.batch.decoder, "decode", lambda *given: decode(*given) * np.float32("nan"))
    with pytest.raises(EngineFault, match="not finite"):
        _ = sick.ask("one").answer


def test_what_one_request_asks_for_ends_no_other(engine):
    shared = engine()
    other = shared.ask("other", max_tokens=100)
    with pytest.raises(EngineFault, match="IndexError"):
        _ = shared.ask("one", bias={10**6: 1.0}).answer  # the interface refuses it; a model of fewer tokens may get it
    assert other.answer.output_tokens == 100


def test_a_prompt_that_fills_the_context_is_refused_and_fails_nobody_else(slow):
    busy = slow(rows=2)
    other = busy.ask("one", max_tokens=60, streams=True)
    await_true(lambda: other.pieces)
    for length in (300, 256 - len(busy.chat.encode([ChatMessage("system", "Be brief."), ChatMessage("user", "")]))):
        with pytest.raises(PromptTooLong):
            busy.ask("x" * length)
    assert other.answer.output_tokens == 60


def test_an_answer_ends_where_the_context_does(engine):
    asked = engine().ask("x" * 180, max_tokens=500)
    assert asked.answer.finish_reason == "length"
    assert asked.answer.input_tokens + asked.answer.output_tokens == 256


def test_closing_answers_what_was_accepted(engine):
    busy = engine(rows=2)
    asked = [busy.ask(f"number {number}", max_tokens=10) for number in range(6)]
    busy.thread.close(timeout_s=30)
    assert all(one.answer.output_tokens for one in asked)
    with pytest.raises(Closing):
        busy.ask("too late")


def test_a_model_is_dropped_when_it_has_answered_and_then_takes_no_more(slow):
    one = slow(rows=1)
    busy = one.ask("first")
    assert not one.thread.drop(one.batch)
    assert busy.answer
    await_true(lambda: one.thread.drop(one.batch))
    with pytest.raises(Withdrawn):
        one.ask("second")


def test_a_long_prompt_is_computed_in_pieces_and_gives_the_same_answer(engine, monkeypatch):
    """To the last bit, as above; meanwhile, who is answered goes on."""
    texts = ["y" * length for length in (3, 90, 121, 122, 160, 161)]
    whole = [engine().ask(text, 6, Sampling(temperature=1, seed=1)).answer.text for text in texts]
    monkeypatch.setattr(batch, "_PREFILL_TOKENS_PER_STEP", 30)
    divided = engine()
    asked = [divided.ask(text, 6, Sampling(temperature=1, seed=1)) for text in texts]
    assert [one.answer.text for one in asked] == whole

    slow = engine(started=False)
    running, long = slow.ask("short", 50), slow.ask("z" * 200, 1)
    steps = 0
    while long.end is None:
        slow.batch.work()
        steps += 1
    assert steps > 6
    assert running.end is None
    slow.batch.fail_all(EngineFault("enough"))
    with pytest.raises(EngineFault, match="enough"):
        _ = running.answer


def test_owners_take_turns(engine):
    one = engine(rows=1, started=False)
    flood = [one.ask(f"flood {number}", 1, owner="a") for number in range(4)]
    other = one.ask("other", 1, owner="b")
    for _ in range(2):
        one.batch.work()
    assert flood[0].end is not None
    assert other.end is not None
    assert all(asked.end is None for asked in flood[1:])


def test_in_a_full_queue_the_longest_line_gives_way(engine):
    full = engine(rows=1, max_waiting=3, started=False)
    flood = [full.ask(f"flood {number}", 1, owner="a") for number in range(3)]
    with pytest.raises(Overloaded):
        full.ask("flood 3", 1, owner="a")
    other = full.ask("other", 1, owner="b")
    assert isinstance(flood[-1].end, Overloaded)
    with pytest.raises(Overloaded):
        full.ask("another", 1, owner="b")  # both lines are as long then
    while full.batch.waiting or full.batch.size:
        full.batch.work()
    assert all(asked.answer for asked in [*flood[:2], other])
    assert full.batch.idle


def test_of_one_request_all_jobs_may_wait_or_none(engine):
    full = engine(rows=1, max_waiting=4, started=False)
    flood = [full.ask(f"flood {number}", 1, owner="a") for number in range(4)]

    def ask_at_once(count):
        jobs = [Job(flood[0].job.prompt, Sampling(), 1, ends.append, owner="b") for _ in range(count)]
        full.thread.submit_all(full.batch, jobs)

    ends = []
    with pytest.raises(Overloaded, match="ask for fewer answers"):
        ask_at_once(3)
    assert [one.end for one in flood] == [None] * 4
    ask_at_once(2)
    assert [isinstance(one.end, Overloaded) for one in flood] == [False, False, True, True]
    while not full.batch.idle:
        full.batch.work()
    assert [end.output_tokens for end in ends] == [1, 1]


def test_the_next_turn_finds_its_beginning_after_others_were_answered(engine):
    one = engine(rows=1)
    first = one.ask("a" * 90, 1)
    assert first.answer.cached_tokens == 0
    assert one.ask("b" * 90, 1).answer.cached_tokens < 60
    again = one.ask("a" * 90 + " and more", 1)
    assert again.answer.cached_tokens > 90
    assert again.answer.text == engine(spare_rows=0).ask("a" * 90 + " and more", 1).answer.text


def test_nobody_finds_computed_what_another_wrote(engine):
    """Known to everybody is the common beginning and no token more, however long people agree."""
    one = engine()
    system = [ChatMessage("system", "Be brief.")]
    common = one.chat.common(system, (), one.chat.encode(system))

    def cached(text, person, **given):
        return one.ask(text, 1, private_to=person, common=common, **given).answer.cached_tokens

    secret = "The number of my card is 4929-ABCD"
    assert cached(secret, "anna") == 0
    assert cached(secret, "anna") == len(one.ask(secret, 1).job.prompt) - 1
    guesses = [secret[:end] + "?" * (len(secret) - end) for end in (0, 10, 25, 30, len(secret))]
    found = {cached(guess, f"eve as {number}") for number, guess in enumerate(guesses)}
    assert found == {common - common % 2}
    assert one.ask(secret, 1).answer.cached_tokens > common  # by the line above, as everybody's
