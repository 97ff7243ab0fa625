"""What ends a shadow: harm beside the champion's replies to the same requests, or enough people without any."""

from datetime import timedelta

import msgspec
import pytest
from feedwheel_capture.events import ModelRef, Proposal

from serving.rollout.shadow import Reply
from serving.rollout.shadow_trial import ShadowTrial
from tests.canaries import rules
from tests.events import APP, START

RULES = rules(alpha=0.02)


def reply(latency_ms=100.0, broken=False, text="Card arrival", cached_tokens=0):
    return Reply(latency_ms, broken, text, cached_tokens)


FAILED = reply(None, text=None)


@pytest.fixture
def trial():
    model = ModelRef(name="m", version="2", uri="2", digest="2")
    proposal = Proposal(app=APP, release_id="r1", model=model, verdict="PASS", share=0.5, shadow_share=1.0)
    return ShadowTrial(proposal, START, None)


def judge(trial, people, champion, challenger, second=1.0):
    for number in range(people):
        trial.tally.add(f"p{number}", champion, challenger)
    return trial.judge(RULES, START + timedelta(seconds=second), publishing=False)


@pytest.mark.parametrize(
    ("people", "champion", "challenger", "state", "reason"),
    [
        (7, reply(), reply(), "NODATA", "7 of 8"),
        (8, reply(), reply(text="Something else"), "PROMOTE", "no harm"),
        (8, FAILED, reply(), "PROMOTE", "no harm"),
        (8, FAILED, FAILED, "PROMOTE", "no harm"),
        (8, reply(), FAILED, "RUNNING", "8 of 8"),
        (20, reply(), FAILED, "ROLLBACK", "errors"),
        (40, reply(), reply(900.0), "ROLLBACK", "latency"),
        (40, reply(), reply(299.0), "PROMOTE", "no harm"),
        (20, reply(), reply(broken=True), "ROLLBACK", "form"),
        (20, reply(broken=True), reply(broken=True), "PROMOTE", "no harm"),
    ],
)
def test_rules_of_a_shadow(trial, people, champion, challenger, state, reason):
    ruling = judge(trial, people, champion, challenger)
    assert (ruling.state, ruling.rationale[: len(reason)]) == (state, reason)
    assert trial.ruling.state == ("RUNNING" if state == "PROMOTE" else state)


def test_without_people_the_time_ends_it(trial):
    assert judge(trial, 7, reply(), reply(), second=61.0).state == "ROLLBACK"


def test_one_person_is_one_witness(trial):
    for _ in range(19):
        trial.tally.add("p1", reply(), FAILED)
    assert judge(trial, 0, reply(), reply()).state == "NODATA"


def test_who_knew_more_of_a_conversation_is_not_compared_in_time(trial):
    assert judge(trial, 40, reply(cached_tokens=64), reply(900.0)).state == "PROMOTE"
    assert trial.harms.latency.n == 0


def test_the_evidence_is_plain_and_has_no_words(trial):
    trial.tally.drop("busy")
    trial.tally.drop("gave_way")
    trial.tally.add("p1", reply(text="abc"), reply(text="abc"))
    trial.tally.add("p1", reply(text="abc"), reply(text="abcdefg"))
    trial.tally.add("p1", reply(text=None), reply(text=None))
    judge(trial, 0, reply(), reply())
    evidence = msgspec.json.decode(msgspec.json.encode(trial.evidence()))["shadow"]
    assert evidence["likeness"] == {"same": 1, "different": 1, "unread": 1}
    assert evidence["length_ratio"] == 1.5
    assert evidence["dropped"] == {"busy": 1, "gave_way": 1}
    assert (evidence["people"], evidence["challenger"]["requests"]) == (1, 3)
    assert "abc" not in str(evidence)
