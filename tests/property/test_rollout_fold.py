"""The rollout is a fold: one log, one state, whoever reads it, however often and in whatever portions."""

from feedwheel_capture.events import Baseline, Decision, ModelRef, Proposal
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from feedback.rollout import ALLOWED, OPERATOR, Rollout

RELEASES = st.sampled_from("123")


def model(version: str) -> ModelRef:
    return ModelRef(name="m", version=version, uri=f"file:///{version}", digest=version)


baselines = st.builds(lambda version: Baseline(app="a", model=model(version)), st.sampled_from(["base", "other"]))
proposals = st.builds(
    lambda release, shadow_share, verdict: Proposal(
        app="a",
        release_id=release,
        model=model(f"v{release}"),
        verdict=verdict,
        share=0.5,
        shadow_share=shadow_share,
    ),
    RELEASES,
    st.sampled_from([0.0, 0.2]),
    st.sampled_from(["PASS", "MARGINAL", "WAIVED", "FAIL", "INCONCLUSIVE"]),
)
decisions = st.builds(
    lambda release, state, by: Decision(app="a", release_id=release, state=state, by=by, rationale=""),
    RELEASES,
    st.sampled_from(["PROMOTE", "ROLLBACK"]),
    st.sampled_from([OPERATOR, "replica-1", "replica-2"]),
)
logs = st.lists(st.one_of(baselines, proposals, decisions), max_size=30)


@given(logs, st.data())
def test_portions_and_restarts_do_not_matter(log, data):
    cut = data.draw(st.integers(0, len(log)))
    state = Rollout.of(log[:cut])
    for record in log[cut:]:
        state = state.after(record)
    assert state == Rollout.of(log)


@given(logs, st.data())
def test_a_record_that_counted_counts_once(log, data):
    state, counted = Rollout(), []
    for place, record in enumerate(log):
        before, state = state, state.after(record)
        if state != before:
            counted.append(place)
    if not counted:
        return
    place = data.draw(st.sampled_from(counted))
    again = data.draw(st.integers(place + 1, len(log)))
    assert Rollout.of([*log[:again], log[place], *log[again:]]) == state


@given(logs)
def test_what_it_adds_up_to_is_always_sound(log):
    state = Rollout()
    for record in log:
        before, state = state, state.after(record)
        ended = dict(state.endings)
        assert (state.champion is None) == (not state.reigns)
        assert state.reigns[:1] == before.reigns[:1] or not before.reigns  # the baseline never changes
        if state.trial is not None:
            assert state.champion is not None
            assert state.trial.verdict in ALLOWED
            assert state.trial.release_id not in ended
        for reign in state.reigns[1:]:
            assert ended[reign.release_id] == "PROMOTE"
        if before.trial is not None and state.trial != before.trial:
            of_the_champion = len(state.reigns) < len(before.reigns)
            assert record.release_id == before.trial.release_id or of_the_champion
            assert isinstance(record, Decision) or state.trial == replace(before.trial, shadow_share=0.0)
            assert state.endings != before.endings or before.trial.shadow_share > 0
        if len(state.reigns) < len(before.reigns):
            assert isinstance(record, Decision)
            assert record.by == OPERATOR
            assert state.trial is None
