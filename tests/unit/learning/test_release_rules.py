"""What may be proposed on which verdict, without any service: the rules alone."""

import msgspec
import pytest

from pipelines.gates import model_gates, record_gate
from pipelines.release import stage
from pipelines.trained import TrainedModel, write_model
from schemas.errors import AwaitsApproval, GateRefused, Inconclusive, NothingToDo
from tests.events import APP, START

CHALLENGER = {"name": "feedwheel-routing", "version": "v1", "uri": "file:///models/v1", "digest": "d1"}
FOUND = {
    "challenger": CHALLENGER,
    "difference": {"estimate": 0.01, "low": -0.03, "high": 0.05, "n": 40},
    "users": 40,
    "items": 120,
    "response_rate": 0.9,
    "lacking": [],
}


@pytest.fixture
def proposed(monkeypatch):
    """What would have been proposed: (version, verdict, rationale)."""
    calls = []

    def propose(context, app, model, artefact, verdict, rationale):
        calls.append((artefact.version, verdict, rationale))
        return "release-1"

    monkeypatch.setattr(stage, "propose", propose)
    monkeypatch.setattr(stage, "check_free", lambda *_: None)
    return calls


@pytest.fixture
def judged(context, clock):
    """A context with one trained model and a gate record of the given verdict."""

    def make(verdict=None, **evidence):
        ctx = context()
        model = {name: name for name in TrainedModel.__struct_fields__} | {"app": APP, "model_version": "v1"}
        write_model(ctx.lake, msgspec.convert({**model, "trained_at": START}, TrainedModel))
        if verdict:
            clock.advance(seconds=1)  # the newest record counts
            record_gate(ctx, APP, "evaluate", "v1", verdict, {**FOUND, **evidence})
        return ctx

    return make


def test_pass_is_proposed_with_its_figures(judged, proposed):
    report = stage.run(judged("PASS"), APP)
    assert (report.release_id, report.model_version, report.verdict) == ("release-1", "v1", "PASS")
    ((version, verdict, rationale),) = proposed
    assert (version, verdict) == ("v1", "PASS")
    assert "+0.010 [-0.030, +0.050] over 40 people, 120 items, 90% answered" in rationale


@pytest.mark.parametrize(
    ("verdict", "error", "skips"),
    [("FAIL", GateRefused, False), ("INCONCLUSIVE", Inconclusive, True), ("MARGINAL", AwaitsApproval, True)],
)
def test_any_other_verdict_is_refused_with_figures_and_what_to_do(judged, proposed, verdict, error, skips):
    with pytest.raises(error, match=f"{verdict}.*40 people") as caught:
        stage.run(judged(verdict, lacking=["12 gate items, gate.min_items is 30"]), APP)
    assert type(caught.value) is error
    assert caught.value.skips is skips
    assert "gate.min_items" in str(caught.value)
    assert proposed == []


def test_a_person_can_approve_marginal_and_nothing_worse(judged, proposed):
    assert stage.promote(judged("MARGINAL"), APP).verdict == "MARGINAL"
    assert proposed[0][1] == "MARGINAL"
    for verdict in ("FAIL", "INCONCLUSIVE"):
        with pytest.raises(GateRefused, match="only MARGINAL can be approved"):
            stage.promote(judged(verdict), APP)


@pytest.mark.parametrize("verdict", ["FAIL", "INCONCLUSIVE", "MARGINAL", "PASS"])
def test_a_waiver_overrides_any_verdict_and_is_recorded(judged, proposed, clock, verdict):
    ctx = judged(verdict)
    clock.advance(seconds=1)
    assert stage.promote(ctx, APP, waive="a demonstration").verdict == "WAIVED"
    waiver = model_gates(ctx.lake, APP)[-1]
    assert (waiver.stage, waiver.verdict, waiver.waiver_reason) == ("release", "WAIVED", "a demonstration")
    assert waiver.waived_by
    assert waiver.evidence["waived_verdict"] == verdict
    assert verdict in proposed[0][2]


def test_without_a_model_or_a_verdict_there_is_nothing_to_release(context, judged):
    with pytest.raises(NothingToDo, match="feedwheel train"):
        stage.run(context(), APP)
    with pytest.raises(NothingToDo, match="feedwheel evaluate"):
        stage.run(judged(), APP)
