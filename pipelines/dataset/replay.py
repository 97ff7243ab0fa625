"""Replay: says whether a data set is still what its manifest says it is (I3).

In: a data set, and bronze as it is today. Out: a verdict by content, the first of these that holds:

* INPUT_GONE    rows of bronze below the manifest's vector are gone, and no erasure explains it;
* IDENTICAL     the same examples come out, whatever the code;
* REDUCED       what is missing belongs to people who were erased or have withdrawn, and the rest agrees;
* CODE_DIFFERS  another version of the code gives other examples;
* DEFECT        the same input and the same code gave something else.

Erasures and consents of now always apply. Who goes takes more along than their own examples: a vote that decided a
conflict, a twin because of which another's was dropped. So what is there instead agrees if selection knew it then, and
what is missing besides if selection drops it now.
"""

import time
from collections.abc import Set
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from pipelines.consents import Consents, read_consents
from pipelines.context import Context
from pipelines.curate.evaluated import evaluated_texts
from pipelines.curate.evidence import conversation_table
from pipelines.curate.steps import Curated, curated
from pipelines.dataset.gone import who_is_gone
from pipelines.dataset.manifest import (
    Manifest,
    candidates_behind,
    content_hash,
    dropped_by,
    examples_of,
    find_manifest,
    members,
)
from pipelines.dataset.rebuild import count_inputs, rebuild
from pipelines.dataset.stage import take
from pipelines.io.ray import ray_session
from pipelines.people import UserKeys
from pipelines.personal import rules_version
from pipelines.version import code_hash
from schemas.errors import CheckFailed, InputGone

ReplayVerdict = Literal["INPUT_GONE", "IDENTICAL", "REDUCED", "CODE_DIFFERS", "DEFECT"]

Members = Set[tuple[str, str]]
"""Set and id of each example."""


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """A verdict and what it rests on; `code_differs` also where the verdict does not depend on it."""

    dataset_id: str
    verdict: ReplayVerdict
    seconds: float
    content_hash: str
    replayed_hash: str | None
    examples: int
    missing: int
    extra: int
    input_rows: int
    input_rows_now: int
    code_differs: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that the judgement needs.

    `erased`: whether anybody was. `gone`: ids of the examples, then and now, selected or not, that rest on what people
    said who were erased or have withdrawn. `dropped_then` and `dropped_now`: ids that selection left out.
    """

    then: Members
    now: Members
    rows_then: int
    rows_now: int
    erased: bool
    gone: Set[str]
    dropped_then: Set[str]
    dropped_now: Set[str]
    code_differs: bool

    @property
    def missing(self) -> Members:
        """Examples that did not come out again."""
        return self.then - self.now

    @property
    def extra(self) -> Members:
        """Examples that came out and are not in the set."""
        return self.now - self.then

    @property
    def is_reduced(self) -> bool:
        """Whether all that differs follows from who is gone."""
        missing, extra = ({example_id for _, example_id in members} for members in (self.missing, self.extra))
        return bool(self.gone) and missing <= self.gone | self.dropped_now and extra <= self.gone | self.dropped_then


def judge(found: Comparison) -> ReplayVerdict:
    """The first verdict that holds."""
    if found.rows_now < found.rows_then and not found.erased:
        return "INPUT_GONE"
    if not found.missing and not found.extra:
        return "IDENTICAL"
    if found.is_reduced:
        return "REDUCED"
    return "CODE_DIFFERS" if found.code_differs else "DEFECT"


def replay(context: Context, app: str, dataset_id: str) -> ReplayReport:
    """Derive a data set again and judge it. Raises InputGone, CheckFailed for a defect, UsageError."""
    started = time.monotonic()
    manifest = find_manifest(context.lake, app, dataset_id)
    rows_now = count_inputs(context.lake, app, manifest.inputs)
    found = _compare(context, manifest, rows_now)
    verdict = judge(found)
    report = ReplayReport(
        dataset_id=manifest.dataset_id,
        verdict=verdict,
        seconds=time.monotonic() - started,
        content_hash=manifest.content_hash,
        replayed_hash=content_hash(found.now),
        examples=len(found.then),
        missing=len(found.missing),
        extra=len(found.extra),
        input_rows=manifest.input_rows,
        input_rows_now=rows_now,
        code_differs=found.code_differs,
    )
    return _checked(report)


def _checked(report: ReplayReport) -> ReplayReport:
    if report.verdict == "INPUT_GONE":
        raise InputGone(
            f"data set {report.dataset_id}: {report.input_rows - report.input_rows_now} of {report.input_rows} events "
            "it was built from are no longer in bronze: restore the tables, or build a new set"
        )
    if report.verdict == "DEFECT":
        raise CheckFailed(
            f"data set {report.dataset_id}: DEFECT: the same input and code give {report.missing} examples less and "
            f"{report.extra} more: examples must not depend on anything outside the manifest"
        )
    return report


def _compare(context: Context, manifest: Manifest, rows_now: int) -> Comparison:
    stored = examples_of(context.lake, manifest.dataset_id)
    if content_hash(members(stored)) != manifest.content_hash:
        raise CheckFailed(f"data set {manifest.dataset_id}: its stored rows do not have the manifest's content hash")
    keys = UserKeys(context.settings.user_keys)
    consents = read_consents(context.lake, manifest.app, keys)
    gone = who_is_gone(context.lake, manifest.app, consents)
    derived = _derive(context, manifest, consents)
    candidates, dropped = candidates_behind(context.lake, manifest), dropped_by(context.lake, manifest)
    return Comparison(
        then=set(members(stored)),
        now=set(members(take(derived.kept, manifest.selection, manifest.app_type))),
        rows_then=manifest.input_rows,
        rows_now=rows_now,
        erased=bool(gone.erased),
        gone={
            example_id
            for rows in (stored, candidates, dropped, derived.kept, derived.dropped)
            for example_id in gone.of(rows)
        },
        dropped_then=set(dropped.column("example_id").to_pylist()),
        dropped_now=set(derived.dropped.column("example_id").to_pylist()),
        code_differs=(manifest.code_hash, manifest.inputs.personal) != (code_hash(), rules_version()),
    )


def _derive(context: Context, manifest: Manifest, consents: Consents) -> Curated:
    """The examples that bronze gives now, by the code of now; none if this code cannot read the configuration."""
    try:
        config = manifest.read_config()
    except ValidationError:
        return Curated([])
    inputs = manifest.inputs
    silver = rebuild(context.lake, manifest.app, inputs, config, consents)
    withheld = set(inputs.withheld)
    evaluated = evaluated_texts(context.lake, manifest.app, inputs.evaluated_through)
    with ray_session(context.settings):
        return curated(conversation_table(_admitted(silver.turns, withheld), silver.signals), config, evaluated)


def _admitted(turns: list[dict[str, Any]], withheld: Set[str]) -> list[dict[str, Any]]:
    return [turn for turn in turns if turn["conversation_id"] not in withheld]
