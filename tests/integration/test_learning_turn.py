"""From what people said to a proposal, with a small model: real Ray, TRL, export, serving, MLflow and Kafka."""

import asyncio
import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pyarrow.compute as pc
import pytest
from feedwheel_capture.events import Decision, Proposal

from pipelines import evaluate, release, train
from pipelines.context import Context, system_clock
from pipelines.evaluate.parity import MIN_TOKEN_AGREEMENT
from pipelines.gates import model_gates
from pipelines.io import ray as ray_io
from pipelines.io.control import append_control, read_control
from pipelines.io.serving import ServingClient
from pipelines.release.baseline import ensure_baseline
from pipelines.simulate.behaviour import population
from pipelines.simulate.messages import SeenMessages
from pipelines.simulate.traffic import Crowd, Tally, send
from pipelines.trained import find_model, write_model
from schemas.config import parse
from schemas.errors import GateRefused, NothingToDo
from tests.conftest import Broker, SettableClock
from tests.events import APP
from tests.learning_place import Place, built
from tests.router_model import routed_messages
from tests.served import await_true, deployed

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    # MLflow, SQLAlchemy, transformers and PEFT warn of each other's coming versions.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    # Answers ripen faster than in the shipped configuration: these people do not pause before they react.
    return Place.prepare(tmp_path_factory.mktemp("turn"), steps=45, epochs=6, learning_rate=3e-3, maturity_s=1.0)


@dataclass(frozen=True)
class Turn:
    """A turn after its training: what it was given, and where what follows can be seen."""

    place: Place
    ctx: Context
    clock: SettableClock
    kafka: Broker
    base_version: str
    dataset_id: str
    trained_version: str

    @property
    def control(self) -> list:
        """The control log as it is now."""
        return read_control(self.kafka.access, APP)

    @property
    def aliases(self) -> dict[str, str]:
        """The aliases of the registered model, as versions that control events name."""
        from mlflow import MlflowClient

        client = MlflowClient(self.ctx.settings.mlflow, self.ctx.settings.mlflow)
        model = client.get_registered_model(f"feedwheel-{APP}")
        versions = {alias: client.get_model_version(model.name, number) for alias, number in model.aliases.items()}
        return {alias: version.tags["feedwheel.version"] for alias, version in versions.items()}


def test_a_turn_of_the_wheel(place, context, clock, kafka, monkeypatch):
    """One test, because each step needs all before it; each check says what its step shows."""
    turn = _trained(place, context, clock, kafka)
    check_nothing_is_released_before_it_is_judged(turn)
    check_an_export_that_differs_from_its_weights_is_refused(turn, monkeypatch)
    check_a_model_that_learnt_from_corrections_passes(turn)
    first = check_it_is_proposed_once_and_promoted(turn)
    broken = check_a_broken_challenger_fails(turn)
    forced = check_a_failed_one_is_tried_on_a_persons_word(turn, broken)
    check_what_people_do_ends_its_trial(turn, forced)
    check_an_operator_can_go_back_to_the_first_champion(turn, first)


def _trained(place, context, clock, kafka) -> Turn:
    ctx = context(**place.settings, kafka_bootstrap_servers=kafka.bootstrap)
    with ray_io.ray_session(ctx.settings):
        base = ensure_baseline(ctx, APP)
        _, report = built(place, lambda **settings: ctx, clock)
        trained = train.run(ctx, APP)
    assert trained.loss < 1.0
    return Turn(place, ctx, clock, kafka, base.version, report.dataset_id, trained.model_version)


def check_nothing_is_released_before_it_is_judged(turn):
    with pytest.raises(NothingToDo, match="feedwheel evaluate"):
        release.run(turn.ctx, APP)


def check_an_export_that_differs_from_its_weights_is_refused(turn, monkeypatch):
    """Whatever people would think of it."""
    with monkeypatch.context() as patch:
        patch.setitem(MIN_TOKEN_AGREEMENT, "fp32", 1.01)
        with pytest.raises(GateRefused, match="agrees with the weights in"):
            evaluate.run(turn.ctx, APP)
    with pytest.raises(GateRefused, match="no export that answers as its weights do"):
        release.promote(turn.ctx, APP, waive="never mind")
    turn.clock.advance(seconds=1)


def check_a_model_that_learnt_from_corrections_passes(turn):
    """It is better on other people's messages."""
    judged = evaluate.run(turn.ctx, APP)
    assert (judged.verdict, judged.champion) == ("PASS", turn.base_version)
    assert judged.difference.low > 0
    assert judged.token_agreement > 0.99
    gate = model_gates(turn.ctx.lake, APP)[-1]
    assert gate.evidence["dataset_id"] == turn.dataset_id
    assert gate.evidence["difference"]["n"] == judged.users >= 15
    with pytest.raises(NothingToDo, match="judged on these items already"):
        evaluate.run(turn.ctx, APP)


def check_it_is_proposed_once_and_promoted(turn) -> str:
    """In the registry, in ops/releases and on the control log; its release id."""
    released = release.run(turn.ctx, APP)
    proposal = turn.control[-1]
    assert isinstance(proposal, Proposal)
    assert (proposal.release_id, proposal.verdict) == (released.release_id, "PASS")
    assert turn.ctx.lake.read("ops/releases").column("release_id").to_pylist() == [released.release_id]
    assert turn.aliases == {"champion": turn.base_version, "challenger": turn.trained_version}
    with pytest.raises(NothingToDo, match="was proposed already"):
        release.run(turn.ctx, APP)
    _decide(turn.ctx, released.release_id, "PROMOTE")
    assert release.mirror(turn.ctx, APP).champion == turn.trained_version
    assert turn.aliases == {"champion": turn.trained_version}
    return released.release_id


def check_a_broken_challenger_fails(turn) -> str:
    """And is refused; its version."""
    broken = _broken_twin(turn.ctx, turn.clock, turn.trained_version)
    failed = evaluate.run(turn.ctx, APP)
    assert (failed.verdict, failed.model_version, failed.champion) == ("FAIL", broken, turn.trained_version)
    assert failed.difference.high < 0
    for refused in (release.run, release.promote):
        with pytest.raises(GateRefused, match="FAIL"):
            refused(turn.ctx, APP)
    return broken


def check_a_failed_one_is_tried_on_a_persons_word(turn, broken) -> str:
    """Its release id."""
    now = replace(turn.ctx, clock=system_clock)  # serving compares the proposal's time with its own
    forced = release.promote(now, APP, waive="to see the canary act")
    waiver = model_gates(turn.ctx.lake, APP)[-1]
    assert (waiver.verdict, waiver.waiver_reason, waiver.subject) == ("WAIVED", "to see the canary act", broken)
    assert turn.control[-1].verdict == "WAIVED"
    assert turn.aliases == {"champion": turn.trained_version, "challenger": broken}
    return forced.release_id


def check_what_people_do_ends_its_trial(turn, forced):
    """They are drawn to it, get worse answers, and nobody has to help."""
    rollout = _people_try(turn.place, turn.kafka)
    assert (rollout["release_id"], rollout["state"]) == (forced, "ROLLBACK")
    assert rollout["rationale"].startswith(
        ("worse", "form", "latency")
    )  # noise dislikes to end: whichever is sure first
    assert rollout["harms"]["errors"]["p_value"] > rollout["harms"]["most_p"]
    assert rollout["champion"]["version"] == turn.trained_version
    decision = turn.control[-1]
    assert isinstance(decision, Decision)
    assert (decision.state, decision.by) == ("ROLLBACK", "serving-1")
    assert release.mirror(turn.ctx, APP).champion == turn.trained_version
    assert turn.aliases == {"champion": turn.trained_version}
    known = model_gates(turn.ctx.lake, APP)
    with pytest.raises(NothingToDo, match="rolled back, which is final: train"):
        release.promote(turn.ctx, APP, waive="once more")
    assert model_gates(turn.ctx.lake, APP) == known  # nothing was waived


def check_an_operator_can_go_back_to_the_first_champion(turn, first):
    """That ends the reign of the release before it; then there is nothing left."""
    assert release.rollback(turn.ctx, APP) == release.RollbackReport(first, turn.base_version)
    with pytest.raises(NothingToDo, match="first champion"):
        release.rollback(turn.ctx, APP)
    assert turn.aliases == {"champion": turn.base_version}


def _decide(ctx, release_id, state):
    """As serving would."""
    decision = Decision(app=APP, release_id=release_id, state=state, by="replica-1", rationale="people liked it")
    append_control(ctx.settings.kafka, decision, ctx.clock)


def _people_try(place, kafka):
    """Simulated people talk to a serving process of the deployment until it has decided; the rollout as it ended."""
    home, port = place.home, kafka.settings.kafka_port
    with deployed(home, app=APP, records=[], kafka_port=port, config_path=place.config) as (url, service):
        await_true(lambda: service.lineup(APP).challenger is not None)
        return asyncio.run(_talk_until_decided(url, place.config))


async def _talk_until_decided(url, config):
    app, messages = parse(config.read_text(), str(config)).app(APP), routed_messages(900, seed=5)
    crowd = Crowd(APP, app, population(200), sorted({message.topic for message in messages}), seed=3)
    async with ServingClient(url) as client:

        async def is_decided():
            return (await client.rollout(APP))["state"] in ("PROMOTE", "ROLLBACK")

        with TemporaryDirectory() as folder:
            await send(crowd, client, messages, SeenMessages(Path(folder) / "seen"), Tally(), until=is_decided)
        return await client.rollout(APP)


def _broken_twin(ctx, clock, version):
    """A trained model like the one given, with noise for weights; its version."""
    import torch
    from safetensors.torch import load_file, save_file

    model = find_model(ctx.lake, APP, version)
    source = ctx.settings.home / "models" / APP / version / "adapter"
    target = ctx.settings.home / "models" / APP / "broken" / "adapter"
    shutil.copytree(source, target)
    torch.manual_seed(1)
    weights = load_file(target / "adapter_model.safetensors")
    save_file({name: torch.randn_like(value) for name, value in weights.items()}, target / "adapter_model.safetensors")
    clock.advance(minutes=1)
    changes = {"model_version": "broken", "adapter_uri": target.as_uri(), "trained_at": ctx.clock()}
    write_model(ctx.lake, msgspec.structs.replace(model, **changes))
    return "broken"


def test_counts_of_every_stage_reconcile(place, context, kafka):
    ctx = context(**place.settings, kafka_bootstrap_servers=kafka.bootstrap)
    runs = ctx.lake.read("ops/runs", where=pc.field("app") == APP).to_pylist()
    assert {run["stage"] for run in runs} >= {"extract", "curate", "dataset", "train", "evaluate", "release"}
    for run in runs:
        counts_in, counts_out, dropped = (json.loads(run[name]) for name in ("counts_in", "counts_out", "dropped"))
        assert sum(counts_in.values()) == sum(counts_out.values()) + sum(dropped.values())
