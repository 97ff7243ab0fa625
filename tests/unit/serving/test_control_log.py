"""The control log in one process: what it knows without Kafka, and whose decision counts."""

import pytest
from feedwheel_capture.access import KafkaAccess
from feedwheel_capture.events import Baseline, Decision, ModelRef, Proposal
from feedwheel_capture.recorder import Recorder, make_event
from feedwheel_capture.spool import Spool
from msgspec.structs import replace

from serving.rollout.control_log import ControlLog

APP = "a"


def model(version):
    return ModelRef(name="m", version=version, uri=version, digest=version)


def decision(state, by="replica-1"):
    return Decision(app=APP, release_id="r1", state=state, by=by, rationale="")


@pytest.fixture
def control_log(tmp_path, clock):
    """Make control logs over one directory: `control_log()`, or with `max_bytes` of its spool."""
    opened = []

    def make(max_bytes=100_000):
        for spool in opened:
            spool.close()
        opened[:] = [Spool(tmp_path / "spool", max_bytes)]
        recorder = Recorder("test", opened[0], clock)
        log = ControlLog(KafkaAccess("127.0.0.1:1"), tmp_path / "control.json", recorder, "replica-1", clock)
        return log, opened[0]

    yield make
    opened[0].close()


@pytest.fixture
def events(clock):
    records = [
        Baseline(app=APP, model=model("1")),
        Proposal(app=APP, release_id="r1", model=model("2"), verdict="PASS", share=0.5),
    ]
    return [make_event(record, "test", clock()) for record in records]


def champion(log):
    return log.standings()[APP].rollout.champion.version


def test_a_decision_counts_at_once_and_after_a_restart(control_log, events):
    log, spool = control_log()
    log._replace(events)
    assert log.standings()[APP].rollout.trial.release_id == "r1"
    log.decide(decision("ROLLBACK"))
    log.send()
    assert (champion(log), log.standings()[APP].rollout.trial, spool.depth) == ("1", None, 1)
    again, spool = control_log()
    assert again.standings() == log.standings()
    again.send()
    assert spool.depth == 2  # nobody knows whether the first was sent before the end; a repeat is void


@pytest.mark.parametrize(("theirs", "version"), [("ROLLBACK", "1"), ("PROMOTE", "2")])
def test_another_replicas_decision_that_came_first_counts(control_log, events, clock, theirs, version):
    log, _ = control_log()
    log._replace(events)
    log.decide(decision("ROLLBACK" if theirs == "PROMOTE" else "PROMOTE"))
    first = make_event(decision(theirs, "replica-2"), "other", clock())
    log._replace([*events, first])
    assert champion(log) == version
    assert log.standings()[APP].last.by == "replica-2"
    log._replace([*events, first, make_event(decision("PROMOTE"), "own", clock())])
    assert champion(log) == version


def test_a_full_spool_delays_the_message_not_the_decision(control_log, events):
    log, spool = control_log(max_bytes=10)
    log._replace(events)
    log.decide(decision("ROLLBACK"))
    log.send()
    assert (log.standings()[APP].rollout.trial, spool.depth) == (None, 0)
    spool._max_bytes = 100_000
    log.send()
    log.send()
    assert spool.depth == 1


def test_a_shadow_is_shown_at_once_and_by_the_replica_that_came_first(control_log, clock):
    proposal = Proposal(app=APP, release_id="r1", model=model("2"), verdict="PASS", share=0.5, shadow_share=0.1)
    events = [make_event(record, "test", clock()) for record in (Baseline(app=APP, model=model("1")), proposal)]
    log, _ = control_log()
    log._replace(events)
    log.decide(replace(proposal, shadow_share=0.0, evidence={"by": "us"}))
    log.send()
    again, _ = control_log()
    assert again.standings() == log.standings()
    assert log.standings()[APP].rollout.trial.shadow_share == 0.0
    theirs = make_event(replace(proposal, shadow_share=0.0, evidence={"by": "them"}), "other", clock())
    log._replace([*events, theirs])
    assert log.standings()[APP].rollout.trial.evidence == {"by": "them"}
    log._replace(events)
    assert log.standings()[APP].rollout.trial.shadow_share == 0.1


def test_an_empty_log_does_not_erase_what_is_known(control_log, events):
    log, _ = control_log()
    log._replace(events)
    log._replace([])
    assert champion(log) == "1"
