"""One evaluation of one application's newest model.

In: a trained model, the champion, the gate items of the newest data set. Out: a gate record. The steps, numbered as in
the code:

1. export the candidate as it would be deployed, and refuse it if the export does not say what the weights say;
2. note where the fence stands, and take the gate items that neither model has trained on the like of;
3. ask both models, through the engine that people get;
4. compare by person, and record the verdict with everything it rests on.
"""

import time
from dataclasses import dataclass
from typing import Any

import msgspec
from feedwheel_capture.events import ModelRef
from feedwheel_capture.vocabulary import GateVerdict

from feedback.gate import Asked, Evidence, Outcome, Rules, decide, is_right
from feedback.review import out_of_scope
from feedback.rollout import Rollout
from feedback.statistics import Interval
from feedback.templates import fixed_parts
from pipelines.context import Context
from pipelines.dataset.manifest import Manifest, newest_manifest
from pipelines.evaluate.answers import answers
from pipelines.evaluate.candidate import candidate
from pipelines.evaluate.items import Item, Items, anchor_items, golden_examples, read_items
from pipelines.evaluate.parity import MIN_TOKEN_AGREEMENT, Parity
from pipelines.evaluate.slices import Known, slices_of
from pipelines.gates import GateRecord, model_gates, record_gate
from pipelines.io.control import read_control
from pipelines.io.fence import Fenced, fenced
from pipelines.io.mlflow import Tracking
from pipelines.io.models import path_of
from pipelines.review.desk import read_reviews
from pipelines.runs import stage_run
from pipelines.trained import TrainedModel, find_model, newest_model
from schemas.errors import GateRefused, NothingToDo, UsageError


@dataclass(frozen=True, slots=True)
class EvaluateReport:
    """A verdict in short; the record in ops/gates holds all of it."""

    gate_id: str
    model_version: str
    champion: str
    verdict: GateVerdict
    difference: Interval
    champion_accuracy: float
    challenger_accuracy: float
    items: int
    users: int
    response_rate: float
    lacking: list[str]
    token_agreement: float
    seconds: float


@dataclass(frozen=True, slots=True)
class _Case:
    """What is to be judged, by which evidence."""

    app: str
    model: TrainedModel
    champion: ModelRef
    manifest: Manifest

    @property
    def identity(self) -> dict[str, str]:
        """The part of the evidence that says what was compared, on what."""
        return {
            "dataset_id": self.manifest.dataset_id,
            "champion": self.champion.version,
            "champion_digest": self.champion.digest,
        }

    def is_judged_by(self, gate: GateRecord) -> bool:
        """Whether a gate record compared the same on the same items; one that refused an export compared nothing."""
        return "challenger" in gate.evidence and self.identity.items() <= gate.evidence.items()


def run(context: Context, app: str) -> EvaluateReport:
    """Evaluate the newest model. Raises NothingToDo if that was done, GateRefused if its export is broken."""
    context.config.app(app)
    started = time.monotonic()
    with stage_run(context, app, "evaluate") as stage:
        case = _case(context, app)
        challenger, parity = _export(context, case)  # 1
        into = fenced(context.lake, app, "gold/answers")  # 2
        items = _items(context, case)
        outcomes = _outcomes(context, into, case, challenger, items.usable)  # 3
        stage.counts.taken["eval"] = len(items.usable) + items.trained_neighbours
        stage.counts.given["compared"] = len(outcomes)
        stage.counts.dropped["trained_neighbour"] = items.trained_neighbours
        evidence = decide(outcomes, Asked(case.manifest.gate_asked, case.manifest.gate_answered), _rules(context))  # 4
        gate = _record(context, case, challenger, evidence, parity)
    return EvaluateReport(
        gate_id=gate.gate_id,
        model_version=case.model.model_version,
        champion=case.champion.version,
        verdict=evidence.verdict,
        difference=evidence.difference,
        champion_accuracy=evidence.champion_accuracy,
        challenger_accuracy=evidence.challenger_accuracy,
        items=evidence.items,
        users=evidence.users,
        response_rate=evidence.response_rate,
        lacking=evidence.lacking,
        token_agreement=parity.token_agreement,
        seconds=time.monotonic() - started,
    )


def _case(context: Context, app: str) -> _Case:
    model, manifest = newest_model(context.lake, app), newest_manifest(context.lake, app)
    if model is None or manifest is None:
        raise NothingToDo(f"{app} has no trained model yet: run `feedwheel train`")
    champion = Rollout.of(read_control(context.settings.kafka, app)).champion
    if champion is None:
        raise UsageError(f"{app} has no champion to compare with: run `feedwheel up serving`")
    case = _Case(app, model, champion, manifest)
    for gate in model_gates(context.lake, app):
        if gate.subject == model.model_version and case.is_judged_by(gate):
            raise NothingToDo(f"model {model.model_version} is judged on these items already: {gate.verdict}")
    if champion.version == model.model_version:
        raise NothingToDo(f"model {model.model_version} is the champion")
    return case


def _export(context: Context, case: _Case) -> tuple[ModelRef, Parity]:
    """Step 1. A broken export is recorded as a FAIL: no evidence about people is needed."""
    golden = golden_examples(context.lake, case.manifest.dataset_id)
    reference, precision, parity = candidate(context, case.app, path_of(case.model.adapter_uri), golden)
    least = MIN_TOKEN_AGREEMENT[precision]
    if parity.token_agreement < least:
        facts = {**case.identity, "parity": parity, "min_token_agreement": least}
        record_gate(context, case.app, "evaluate", reference.version, "FAIL", facts)
        raise GateRefused(
            f"model {reference.version}: its {precision} export agrees with the weights in "
            f"{parity.token_agreement:.1%} of {parity.positions} tokens, at least {least:.0%} is asked: "
            "set FEEDWHEEL_PRECISION to a finer one"
        )
    if parity.is_worse:
        record_gate(context, case.app, "evaluate", reference.version, "FAIL", {**case.identity, "parity": parity})
        change = parity.accuracy_change
        raise GateRefused(
            f"model {reference.version}: of {change.n} answers its weights give {parity.accuracy:.0%} right, its "
            f"{precision} export {change.estimate:+.0%} ({change.low:+.0%} to {change.high:+.0%}): "
            "set FEEDWHEEL_PRECISION to a finer one"
        )
    return reference, parity


def _items(context: Context, case: _Case) -> Items:
    """Step 2. The base model was trained on nothing of ours."""
    compared = (case.model, find_model(context.lake, case.app, case.champion.version))
    trained_on = [model.dataset_id for model in compared if model is not None]
    threshold = context.config.curation.near_duplicate_jaccard
    templates = fixed_parts(context.config.app(case.app).prompts.values())
    return read_items(context.lake, case.manifest.dataset_id, trained_on, threshold, templates)


def _outcomes(context: Context, into: Fenced, case: _Case, challenger: ModelRef, items: list[Item]) -> list[Outcome]:
    """Step 3."""
    by_champion = answers(context, into, case.champion, items)
    by_challenger = answers(context, into, challenger, items)
    known = Known(anchor_items(context.lake, case.app), out_of_scope(read_reviews(context, case.app)))
    return [
        Outcome(
            owner=item.owner,
            champion_right=is_right(by_champion[item.example_id], item.completion),
            challenger_right=is_right(by_challenger[item.example_id], item.completion),
            slices=slices_of(item, known),
        )
        for item in items
    ]


def _rules(context: Context) -> Rules:
    gate = context.config.gate
    return Rules(gate.alpha, gate.margin, gate.min_items, gate.min_users, gate.min_response_rate)


def _record(context: Context, case: _Case, challenger: ModelRef, evidence: Evidence, parity: Parity) -> GateRecord:
    """Step 4. MLflow shows the figures; ops/gates is what counts, so it is written last."""
    figures = {
        "gate_difference": evidence.difference.estimate,
        "gate_difference_low": evidence.difference.low,
        "gate_difference_high": evidence.difference.high,
        "gate_champion_accuracy": evidence.champion_accuracy,
        "gate_challenger_accuracy": evidence.challenger_accuracy,
        "parity_token_agreement": parity.token_agreement,
        "parity_accuracy_change": parity.accuracy_change.estimate,
    }
    known = {name: value for name, value in figures.items() if value == value}  # NaN where there was no item
    Tracking(context.settings.mlflow).log_metrics(case.model.mlflow_run_id, known)
    facts: dict[str, Any] = msgspec.to_builtins(evidence)
    if not evidence.users:
        facts["difference"] = None  # nothing was compared: no number stands for that
    facts |= {**case.identity, "challenger": msgspec.to_builtins(challenger), "parity": msgspec.to_builtins(parity)}
    return record_gate(context, case.app, "evaluate", challenger.version, evidence.verdict, facts)
