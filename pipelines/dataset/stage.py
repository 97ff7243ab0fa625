"""One data set of one application.

In: the candidates of the newest curation. Out: its evaluation, finetuning and preference sets with a manifest. The
steps, numbered as in the code:

1. note where the fence stands, take the candidates, all or a selection, less those of people who have withdrawn since
   they were curated, and check that nobody is on both sides (I5);
2. stop if too little is new since the data set that was trained on last;
3. report on the biases of what people said and of the set;
4. write the examples, and last the manifest: without it the set does not exist. If words were taken out meanwhile
   (`pipelines.privacy`), that is refused.
"""

import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from feedwheel_capture.ids import uuid7
from feedwheel_capture.redact import REDACTOR

from feedback.bias.report import BiasReport
from feedback.detectors import all_detectors
from feedback.detectors.base import label
from feedback.dissatisfaction.model import model_in, shipped_model
from feedback.minhash import PERMUTATIONS, SHINGLE_CHARS
from feedback.taxonomy import weights
from feedback.toxicity import shipped_toxicity
from pipelines.consents import withdrawn_since
from pipelines.context import Context
from pipelines.curate import benchmarks
from pipelines.curate.record import Curation, candidates_of, newest_curation
from pipelines.dataset.bias import report_on
from pipelines.dataset.composition import composition
from pipelines.dataset.funnel import funnel
from pipelines.dataset.manifest import (
    Manifest,
    content_hash,
    examples_of,
    members,
    newest_manifest,
    write_manifest,
)
from pipelines.dataset.provenance import licences, versions_read, with_provenance
from pipelines.dataset.rebuild import count_inputs, horizon_of
from pipelines.dataset.selection import Selection
from pipelines.io.fence import Fenced, fenced
from pipelines.people import UserKeys
from pipelines.runs import Run, stage_run
from pipelines.trained import newest_model
from schemas.config import Config
from schemas.errors import ContractViolation, NothingToDo

_WHOLE: Final = Selection()


@dataclass(frozen=True, slots=True)
class DatasetReport:
    """One data set: examples by set and by rule, and how many sft examples no training has seen."""

    dataset_id: str
    content_hash: str
    as_of: datetime
    seconds: float
    sets: dict[str, int]
    rules: dict[str, int]
    new_examples: int
    gate_asked: int
    gate_answered: int


def run(context: Context, app: str, selection: Selection = _WHOLE) -> DatasetReport:
    """Build a data set. Raises NothingToDo below `trigger.min_new_examples`; a selection is always built."""
    context.config.app(app)
    started = time.monotonic()
    with stage_run(context, app, "dataset") as stage:
        into = fenced(context.lake, app, "gold/datasets/examples")  # 1
        curation = newest_curation(context.lake, app)
        if curation is None:
            raise NothingToDo(f"{app} has no candidates yet: run `feedwheel curate`")
        candidates = candidates_of(context.lake, curation)
        withdrawn = _withdrawn_since(context, curation)
        allowed = candidates.filter(~pc.field("conversation_id").isin(pa.array(sorted(withdrawn), pa.string())))
        chosen = take(allowed, selection, context.config.app(app).type)
        check_split(chosen)
        new = _new_examples(context, app, chosen)
        if selection == _WHOLE and new < context.config.trigger.min_new_examples:  # 2
            raise NothingToDo(
                f"{new} new sft examples since the last trained data set, "
                f"trigger.min_new_examples is {context.config.trigger.min_new_examples}"
            )
        stage.counts.taken.update(candidates.column("use").to_pylist())
        stage.counts.given.update(chosen.column("set_name").to_pylist())
        stage.counts.dropped["withdrawn"] = candidates.num_rows - allowed.num_rows
        stage.counts.dropped["not_selected"] = allowed.num_rows - chosen.num_rows
        newest = newest_manifest(context.lake, app)
        manifest = _existing(newest, chosen, curation, selection) or _write(
            context,
            into,
            stage,
            curation,
            chosen,
            selection,
            new,
            report_on(context, app, chosen, selection, withdrawn, newest.bias if newest else None),  # 3
        )
    return DatasetReport(
        dataset_id=manifest.dataset_id,
        content_hash=manifest.content_hash,
        as_of=manifest.inputs.as_of,
        seconds=time.monotonic() - started,
        sets=manifest.sets,
        rules=manifest.rules,
        new_examples=manifest.new_examples,
        gate_asked=manifest.gate_asked,
        gate_answered=manifest.gate_answered,
    )


def _withdrawn_since(context: Context, curation: Curation) -> frozenset[str]:
    """Conversations of which somebody has withdrawn something since the candidates were curated."""
    keys = UserKeys(context.settings.user_keys)
    return withdrawn_since(context.lake, curation.app, keys, horizon_of(curation.inputs))


def take(candidates: pa.Table, selection: Selection, app_type: str) -> pa.Table:
    """The selected candidates, each in the set of its use: columns of gold/candidates less run_id, and set_name."""
    chosen = selection.of(candidates, app_type)
    return chosen.append_column("set_name", chosen.column("use"))


def check_split(examples: pa.Table) -> None:
    """Raise ContractViolation if a person (or an anonymous conversation) both evaluates and trains (I5)."""
    owners = {"eval": set[str](), "train": set[str]()}
    columns = (examples.column(name).to_pylist() for name in ("set_name", "split", "user_key", "conversation_id"))
    for set_name, split, user_key, conversation_id in zip(*columns, strict=True):
        if (set_name == "eval") != (split == "eval"):
            raise ContractViolation(f"an example of the {split} split is in the set {set_name}")
        owners[split].add(user_key or conversation_id)
    if both := owners["eval"] & owners["train"]:
        raise ContractViolation(f"{len(both)} people both evaluate and train: was split.eval_share or the key changed?")


def _new_examples(context: Context, app: str, chosen: pa.Table) -> int:
    """How many sft examples are not in the data set that was trained on last."""
    trained = newest_model(context.lake, app)
    known = set[str]()
    if trained is not None:
        known.update(examples_of(context.lake, trained.dataset_id, "sft").column("example_id").to_pylist())
    wanted = chosen.filter(pc.field("set_name") == "sft").column("example_id").to_pylist()
    return sum(example_id not in known for example_id in wanted)


def _existing(newest: Manifest | None, chosen: pa.Table, curation: Curation, selection: Selection) -> Manifest | None:
    """The newest data set, if it is of this curation: a stage that is run again builds nothing twice."""
    if newest is None or selection != _WHOLE or newest.curation_run_id != curation.run_id:
        return None
    return newest if newest.content_hash == content_hash(members(chosen)) else None


def _write(
    context: Context,
    into: Fenced,
    stage: Run,
    curation: Curation,
    chosen: pa.Table,
    selection: Selection,
    new: int,
    bias: BiasReport,
) -> Manifest:
    """Step 4."""
    built_at = context.clock()
    dropped, made_of = curation.dropped | _left_out(stage), composition(chosen, context.config.gate.alpha)
    manifest = Manifest(
        dataset_id=uuid7(built_at),
        app=curation.app,
        built_at=built_at,
        curation_run_id=curation.run_id,
        inputs=curation.inputs,
        input_rows=count_inputs(context.lake, curation.app, curation.inputs),
        selection=selection,
        config=curation.config,
        config_hash=curation.config_hash,
        code_hash=curation.code_hash,
        content_hash=content_hash(members(chosen)),
        artefacts=artefacts(curation.read_config()),
        sets=dict(stage.counts.given),
        rules=dict(sorted(Counter(chosen.column("rule").to_pylist()).items())),
        dropped=dropped,
        gate_asked=curation.gate_asked,
        gate_answered=curation.gate_answered,
        new_examples=new,
        bias=bias,
        composition=made_of,
        funnel=funnel(curation.answers, chosen.num_rows, dropped),
        licences=licences(context, curation.app, made_of.models),
        versions=versions_read(context),
    )
    # In the order of their ids, in which a few rows of a large set are found without reading the others.
    chosen = with_provenance(context, curation.app, chosen).sort_by("example_id")
    ids = pa.array([manifest.dataset_id] * chosen.num_rows, pa.string())
    into.append("gold/datasets/examples", chosen.add_column(0, "dataset_id", ids))
    write_manifest(context.lake, manifest)
    return manifest


def _left_out(stage: Run) -> dict[str, dict[str, int]]:
    """What the data set left out of the candidates, by step, then reason."""
    reasons = {"consents": "withdrawn", "selection": "not_selected"}
    return {step: {reason: count} for step, reason in reasons.items() if (count := stage.counts.dropped[reason])}


def artefacts(config: Config) -> dict[str, str]:
    """Versions of everything beside code and configuration that examples depend on."""
    detectors = sorted(label(detector) for detector in all_detectors(weights(config.signals)))
    return {
        "redactor": REDACTOR,
        "detectors": " ".join(detectors),
        "dissatisfaction": model_in(config.extraction.weights).version,
        "meaning": shipped_model().version,
        "toxicity": shipped_toxicity().version,
        "draws": f"SHA-256 of ids; split key {config.split.key_alias}",
        "benchmarks": benchmarks.version(config.curation.benchmarks),
        "near_duplicates": f"minhash/{PERMUTATIONS} permutations, shingles of {SHINGLE_CHARS}",
    }
