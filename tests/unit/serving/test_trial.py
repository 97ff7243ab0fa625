"""One test under way: what its ruling rests on, and what a decision will say of it."""

from datetime import timedelta

import msgspec
import pytest
from feedwheel_capture.events import ModelRef, Proposal

from serving.rollout.evidence import Outcomes
from serving.rollout.traffic import Traffic
from serving.rollout.trial import Trial
from tests.canaries import rules
from tests.events import APP, START

RULES = rules(alpha=0.02)


class Reader:
    """Evidence that a test hands over."""

    current = True

    def __init__(self):
        self.found = Outcomes()

    def outcomes(self):
        return self.found

    def judged(self, people, champion, challenger):
        for arm, quality in (("champion", champion), ("challenger", challenger)):
            for _ in range(people):
                self.found.arms[arm].answers += 1
                self.found.judge(arm, quality)


@pytest.fixture
def trial():
    model = ModelRef(name="m", version="2", uri="2", digest="2")
    proposal = Proposal(app=APP, release_id="r1", model=model, verdict="PASS", share=0.5)
    traffic = Traffic()
    traffic.begin("r1")
    return Trial(proposal, START, None, Reader(), traffic)


def state(trial, second=1.0, publishing=True):
    return trial.judge(RULES, START + timedelta(seconds=second), publishing=publishing).state


def asked(trial, people, **challenger):
    for number in range(people):
        trial.traffic.count("r1", "champion", f"a{number}", 100.0)
        trial.traffic.count("r1", "challenger", f"b{number}", challenger.get("latency_ms"))


def test_an_answer_that_comes_when_its_test_has_ended_counts_for_none():
    traffic = Traffic()
    traffic.begin("r1")
    traffic.count("r1", "champion", "ann", 100.0)
    traffic.begin("r1")  # by a supervisor that begins again: nothing is forgotten
    assert traffic.snapshot("r1").champion.requests == 1
    traffic.forget("r1")
    traffic.count("r1", "champion", "ann", 100.0)
    assert traffic.snapshot("r1").champion.requests == 0


def test_without_kafka_errors_decide_and_quality_waits(trial):
    trial.reader.judged(40, champion=0.0, challenger=1.0)
    assert state(trial, publishing=False) == "NODATA"
    asked(trial, 30, latency_ms=None)
    assert state(trial, publishing=False) == "ROLLBACK"


def test_a_promotion_waits_while_something_looks_worse(trial):
    trial.reader.judged(40, champion=0.0, challenger=1.0)
    asked(trial, 6, latency_ms=2000.0)
    assert (state(trial), trial.ruling.rationale.split("; ")[-1]) == ("RUNNING", "latency may be worse")
    asked(trial, 60, latency_ms=2000.0)
    assert (state(trial), trial.ruling.rationale.split(":")[0]) == ("ROLLBACK", "latency")


def test_of_many_answers_one_more_is_not_worth_a_look(trial):
    trial.reader.judged(10, champion=0.5, challenger=0.5)
    state(trial)
    trial.reader.judged(1, champion=0.5, challenger=0.5)
    state(trial)
    assert trial.comparison.difference.n == 11
    trial.reader.judged(150, champion=0.5, challenger=0.5)
    state(trial)
    trial.reader.judged(1, champion=0.5, challenger=0.5)
    state(trial)
    assert trial.comparison.difference.n == 161
    trial.reader.judged(1, champion=0.5, challenger=0.5)
    state(trial)
    assert trial.comparison.difference.n == 163


def test_the_evidence_is_plain_and_whole(trial):
    trial.reader.judged(20, champion=1.0, challenger=0.0)
    asked(trial, 20, latency_ms=120.0)
    assert state(trial) == "ROLLBACK"
    evidence = msgspec.json.decode(msgspec.json.encode(trial.evidence()))
    assert evidence["arms"]["challenger"]["requests"] == 20
    assert evidence["difference"]["high"] < 0
    assert evidence["harms"]["latency"]["n"] == 20
    assert evidence["harms"]["most_p"] == pytest.approx(0.02 / 8)
