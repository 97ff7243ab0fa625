"""Replay: says whether a data set is still what its manifest says it is (I3).

In: a data set, and bronze as it is today. Out: a verdict by content, the first of these that holds:

* INPUT_GONE    rows of bronze below the manifest's vector are gone, and no erasure explains it;
* IDENTICAL     the same examples come out, whatever the code;
* REDUCED       what is missing belongs to people who were erased, and the rest agrees;
* CODE_DIFFERS  another version of the code gives other examples;
* DEFECT        the same input and the same code gave something else.
"""

import time
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow.compute as pc
from feedwheel_capture.catalogue import TYPE_OF_RECORD
from feedwheel_capture.events import Erasure
from pydantic import ValidationError

from pipelines.context import Context
from pipelines.curate.evidence import conversation_table
from pipelines.curate.steps import curated
from pipelines.dataset.manifest import Manifest, content_hash, examples_of, find_manifest, members
from pipelines.dataset.rebuild import count_inputs, rebuild, vector_of
from pipelines.dataset.stage import take
from pipelines.io.lake import Lake
from pipelines.io.ray import ray_session
from pipelines.version import code_hash
from schemas.errors import CheckFailed, InputGone

ReplayVerdict = Literal["INPUT_GONE", "IDENTICAL", "REDUCED", "CODE_DIFFERS", "DEFECT"]

Members = Mapping[tuple[str, str], str | None]
"""The person behind each (set, example id)."""


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
    """Everything that the judgement needs. `explained`: ids that the curation dropped, which an erasure can free."""

    then: Members
    now: Members
    rows_then: int
    rows_now: int
    erased: Set[str]
    explained: Set[str]
    code_differs: bool

    @property
    def missing(self) -> set[tuple[str, str]]:
        """Examples that did not come out again."""
        return self.then.keys() - self.now.keys()

    @property
    def extra(self) -> set[tuple[str, str]]:
        """Examples that came out and are not in the set."""
        return self.now.keys() - self.then.keys()


def judge(found: Comparison) -> ReplayVerdict:
    """The first verdict that holds."""
    reduced = all(found.then[member] in found.erased for member in found.missing)
    if found.rows_now < found.rows_then and not found.erased:
        return "INPUT_GONE"
    if not found.missing and not found.extra:
        return "IDENTICAL"
    if found.erased and reduced and all(example_id in found.explained for _, example_id in found.extra):
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
    return Comparison(
        then=dict(zip(members(stored), stored.column("user_key").to_pylist(), strict=True)),
        now=_derive(context, manifest),
        rows_then=manifest.input_rows,
        rows_now=rows_now,
        erased=_erased(context.lake, manifest.app),
        explained=_dropped(context.lake, manifest),
        code_differs=manifest.code_hash != code_hash(),
    )


def _derive(context: Context, manifest: Manifest) -> dict[tuple[str, str], str | None]:
    """The examples that bronze gives now, by the code of now; none if this code cannot read the configuration."""
    try:
        config = manifest.read_config()
    except ValidationError:
        return {}
    inputs = manifest.inputs
    silver = rebuild(context.lake, manifest.app, vector_of(inputs), inputs.as_of, config)
    withheld = set(inputs.withheld)
    with ray_session(context.settings):
        result = curated(conversation_table(_admitted(silver.turns, withheld), silver.signals), config)
    chosen = take(result.kept, manifest.selection)
    return dict(zip(members(chosen), chosen.column("user_key").to_pylist(), strict=True))


def _admitted(turns: list[dict[str, Any]], withheld: Set[str]) -> list[dict[str, Any]]:
    return [turn for turn in turns if turn["conversation_id"] not in withheld]


def _erased(lake: Lake, app: str) -> frozenset[str]:
    """Keys of the people of `app` who asked to be erased."""
    erasure = TYPE_OF_RECORD[Erasure].versioned_name
    where = (pc.field("app") == app) & (pc.field("event_type") == erasure) & (pc.field("status") == "accepted")
    return frozenset(filter(None, lake.read("bronze/privacy", ["user_key"], where).column("user_key").to_pylist()))


def _dropped(lake: Lake, manifest: Manifest) -> frozenset[str]:
    where = pc.field("run_id") == manifest.curation_run_id
    return frozenset(lake.read("gold/dropped", ["example_id"], where).column("example_id").to_pylist())
