"""Release: a model with its gate record is proposed to serving, which decides (I6).

In: the newest gate record of the newest model, or a person's word. Out: a proposal or a decision on the control log.

* PASS is proposed.
* MARGINAL waits for `promote`.
* INCONCLUSIVE and FAIL are refused; `promote --waive REASON` overrides any verdict, and is recorded.
* `rollback` ends the trial under way, or the reign of the champion that a release made.
"""

import getpass
import time
from dataclasses import dataclass

import msgspec
from feedwheel_capture.events import Decision, ModelRef
from feedwheel_capture.vocabulary import GateVerdict

from feedback.rollout import Rollout
from pipelines.context import Context
from pipelines.gates import GateRecord, model_gates, record_gate
from pipelines.io.control import append_control, read_control
from pipelines.release.aliases import follow
from pipelines.release.proposal import check_free, propose
from pipelines.runs import stage_run
from pipelines.trained import TrainedModel, newest_model
from schemas.errors import AwaitsApproval, GateRefused, Inconclusive, NothingToDo


@dataclass(frozen=True, slots=True)
class ReleaseReport:
    """A proposal: serving draws `share` of the people to the model and decides."""

    release_id: str
    model_version: str
    verdict: GateVerdict
    share: float
    seconds: float


@dataclass(frozen=True, slots=True)
class RollbackReport:
    """The release that was ended, and who is champion now."""

    release_id: str
    champion: str


@dataclass(frozen=True, slots=True)
class _Judged:
    """A trained model with its newest gate record."""

    model: TrainedModel
    gate: GateRecord

    @property
    def artefact(self) -> ModelRef:
        """What was judged, and nothing else, may be proposed. Raises GateRefused if its export was refused."""
        if "challenger" not in self.gate.evidence:
            raise GateRefused(f"model {self.gate.subject} has no export that answers as its weights do: train again")
        return msgspec.convert(self.gate.evidence["challenger"], ModelRef)


def run(context: Context, app: str) -> ReleaseReport:
    """Propose the newest model if its gate says PASS. Raises GateRefused, Inconclusive, AwaitsApproval, NothingToDo."""
    context.config.app(app)
    with stage_run(context, app, "release") as stage:
        follow(context, app)
        judged = _newest(context, app)
        _check(judged.gate)
        stage.counts.taken["model"] = stage.counts.given["proposed"] = 1
        return _propose(context, app, judged, "PASS", words(judged.gate))


def promote(context: Context, app: str, waive: str | None = None) -> ReleaseReport:
    """Propose the newest model by a person's decision: a MARGINAL one, or with a reason any. Raises GateRefused."""
    context.config.app(app)
    judged = _newest(context, app)
    verdict = judged.gate.verdict
    by, artefact = getpass.getuser(), judged.artefact
    if waive is not None:
        check_free(context, app, artefact)  # what is void waives nothing
        facts = {"waived_gate": judged.gate.gate_id, "waived_verdict": verdict}
        record_gate(context, app, "release", artefact.version, "WAIVED", facts, (by, waive))
        return _propose(context, app, judged, "WAIVED", f"{by} waived {verdict}: {waive}")
    if verdict not in ("PASS", "MARGINAL"):
        raise GateRefused(f"{words(judged.gate)}: only MARGINAL can be approved; `promote --waive REASON` overrides")
    return _propose(context, app, judged, verdict, f"approved by {by}: {words(judged.gate)}")


def rollback(context: Context, app: str, reason: str = "by hand") -> RollbackReport:
    """End the trial under way, or else the reign of the newest release. Raises NothingToDo if there is neither."""
    context.config.app(app)
    before = Rollout.of(read_control(context.settings.kafka, app))
    release_id = before.trial.release_id if before.trial else before.reigns[-1].release_id if before.reigns else None
    if release_id is None:
        raise NothingToDo(f"{app} is served by its first champion, and nothing is on trial")
    decision = Decision(app=app, release_id=release_id, state="ROLLBACK", by="operator", rationale=reason)
    append_control(context.settings.kafka, decision, context.clock)
    champion = before.after(decision).champion
    follow(context, app)
    return RollbackReport(release_id, champion.version if champion else "")


def _newest(context: Context, app: str) -> _Judged:
    model = newest_model(context.lake, app)
    if model is None:
        raise NothingToDo(f"{app} has no trained model yet: run `feedwheel train`")
    gates = [
        gate
        for gate in model_gates(context.lake, app)
        if gate.stage == "evaluate" and gate.subject == model.model_version
    ]
    if not gates:
        raise NothingToDo(f"model {model.model_version} has no gate record yet: run `feedwheel evaluate`")
    return _Judged(model, gates[-1])


def _check(gate: GateRecord) -> None:
    """Let PASS through; say of any other verdict what it rests on and what can be done."""
    match gate.verdict:
        case "FAIL":
            raise GateRefused(f"{words(gate)}: the champion stays; look at the slices in gate record {gate.gate_id}")
        case "INCONCLUSIVE":
            raise Inconclusive(f"{words(gate)}: gate items accumulate with traffic; evaluate again later")
        case "MARGINAL":
            raise AwaitsApproval(f"{words(gate)}: approve it with `feedwheel promote`")


def words(gate: GateRecord) -> str:
    """A gate record in a line: verdict, interval, figures, what was lacking."""
    found, interval = gate.evidence, gate.evidence.get("difference")
    said = f"model {gate.subject}: {gate.verdict}"
    if interval is not None:
        said += (
            f", challenger minus champion {interval['estimate']:+.3f} [{interval['low']:+.3f}, {interval['high']:+.3f}]"
            f" over {found['users']} people, {found['items']} items, {found['response_rate']:.0%} answered"
        )
    return "; ".join([said, *found.get("lacking", [])])


def _propose(context: Context, app: str, judged: _Judged, verdict: GateVerdict, rationale: str) -> ReleaseReport:
    started = time.monotonic()
    release_id = propose(context, app, judged.model, judged.artefact, verdict, rationale)
    return ReleaseReport(
        release_id=release_id,
        model_version=judged.artefact.version,
        verdict=verdict,
        share=context.config.canary_of(app).share,
        seconds=time.monotonic() - started,
    )
