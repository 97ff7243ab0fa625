"""The fold of the control log: first valid record wins, everything else changes nothing."""

from itertools import permutations
from typing import Any

import pytest
from feedwheel_capture.events import Baseline, Decision, ModelRef, Proposal

from feedback.rollout import Rollout


def model(version: str) -> ModelRef:
    return ModelRef(name="m", version=version, uri=f"file:///{version}", digest=version)


def baseline(version: str = "base") -> Baseline:
    return Baseline(app="a", model=model(version))


def proposal(release_id: str, **fields: Any) -> Proposal:
    fields = {"model": model(f"v-{release_id}"), "verdict": "PASS", "share": 0.5, **fields}
    return Proposal(app="a", release_id=release_id, **fields)


def decision(release_id: str, state: str, by: str = "replica-1") -> Decision:
    return Decision(app="a", release_id=release_id, state=state, by=by, rationale="")


def test_promotion_and_rollback_return_to_the_champion_before():
    records = [baseline(), proposal("1"), decision("1", "PROMOTE"), proposal("2"), decision("2", "PROMOTE")]
    assert Rollout.of(records).champion == model("v-2")
    back = Rollout.of([*records, decision("2", "ROLLBACK", "operator")])
    assert back.champion == model("v-1")
    further = [decision(release_id, "ROLLBACK", "operator") for release_id in ("2", "1")]
    assert Rollout.of([*records, *further]).champion == model("base")


def test_a_trial_ends_with_the_champion_that_it_was_against():
    records = [baseline(), proposal("1"), decision("1", "PROMOTE"), proposal("2")]
    ended = Rollout.of([*records, decision("1", "ROLLBACK", "operator")])
    assert (ended.champion, ended.trial) == (model("base"), None)
    assert dict(ended.endings) == {"1": "ROLLBACK", "2": "ROLLBACK"}
    assert ended.after(proposal("3")).trial == proposal("3")


@pytest.mark.parametrize("states", list(permutations(["PROMOTE", "ROLLBACK"])))
def test_first_decision_on_a_trial_ends_it(states):
    ended = Rollout.of([baseline(), proposal("1"), decision("1", states[0])])
    assert ended.trial is None
    assert ended.champion == model("v-1" if states[0] == "PROMOTE" else "base")
    later = ended.after(decision("1", states[1], "operator"))
    # A promotion after a rollback is void; a rollback after a promotion is an operator's right.
    assert later.champion == model("base")


@pytest.mark.parametrize(
    "void",
    [
        decision("1", "PROMOTE"),
        decision("9", "ROLLBACK"),
        baseline("other"),
        proposal("0"),
    ],
)
def test_void_records_change_nothing(void):
    state = Rollout.of([baseline(), proposal("0"), decision("0", "ROLLBACK")])
    assert state.after(void) == state


def test_one_trial_at_a_time():
    state = Rollout.of([baseline(), proposal("1"), proposal("2")])
    assert state.trial == proposal("1")


def test_nothing_is_on_trial_without_a_champion():
    assert Rollout.of([proposal("1")]) == Rollout()


def test_what_was_in_the_shadow_is_shown_as_it_was_proposed():
    hidden = Rollout.of([baseline(), proposal("1", shadow_share=0.2)])
    assert (hidden.trial.shadow_share, hidden.champion) == (0.2, model("base"))
    again = proposal("1", model=model("another"), verdict="WAIVED", share=0.9, evidence={"shadow": {"people": 8}})
    shown = hidden.after(again)
    assert shown.trial == proposal("1", evidence={"shadow": {"people": 8}})
    assert shown.after(proposal("1", shadow_share=0.2)) == shown  # it never goes back
    assert hidden.after(decision("1", "ROLLBACK")).after(again).trial is None
