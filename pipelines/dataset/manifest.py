"""The manifest of a data set: everything its content is a function of, and what became of everything it read (I3).

In: a data set whose examples are written. Out: its row of gold/datasets/manifests, which makes it exist. The content
hash names what the set says, not when or by which run: run ids, keys that rotate and clusters are no part of it.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from feedback.bias.report import BiasReport
from pipelines.curate.evidence import Inputs
from pipelines.dataset.composition import Composition
from pipelines.dataset.funnel import Step
from pipelines.dataset.selection import Selection
from pipelines.io.lake import Lake
from pipelines.runs import canonical_json
from schemas.config import Config
from schemas.errors import ContractViolation, UsageError

WITHDRAWN_TEXT: Final = ""
"""Stands where the text of an example was taken out; no example is curated without one."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """One data set. `config` is the whole product configuration; `input_rows` the accepted events of the vector.

    `bias`, `composition` and `funnel` describe the set and are no part of its content; they are missing only in sets
    that were built before there were any. `versions` are of the Delta tables that were read: a replay needs the offsets
    in `inputs`, and no version. `licences` by whose words they are.
    """

    dataset_id: str
    app: str
    built_at: datetime
    curation_run_id: str
    inputs: Inputs
    input_rows: int
    selection: Selection
    config: dict[str, Any]
    config_hash: str
    code_hash: str
    content_hash: str
    artefacts: dict[str, str]
    sets: dict[str, int]
    rules: dict[str, int]
    dropped: dict[str, dict[str, int]]
    gate_asked: int
    gate_answered: int
    new_examples: int
    bias: BiasReport | None = None
    composition: Composition | None = None
    funnel: list[Step] = []
    licences: dict[str, str] = {}
    versions: dict[str, int] = {}

    @property
    def is_whole(self) -> bool:
        """Whether it holds all candidates: only such a set is trained on unless another is asked for."""
        return self.selection == Selection()

    @property
    def app_type(self) -> str:
        """The type of the application when it was built."""
        return str(self.config["apps"][self.app]["type"])

    def read_config(self) -> Config:
        """The configuration it was curated with. Raises pydantic's ValidationError if this code knows another shape."""
        return Config.recorded(self.config)


def content_hash(examples: Iterable[tuple[str, str]]) -> str:
    """SHA-256 over the sorted hashes of the rows, each given by its set and its example id."""
    rows = sorted(hashlib.sha256(f"{name} {example_id}".encode()).hexdigest() for name, example_id in examples)
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def members(examples: pa.Table) -> list[tuple[str, str]]:
    """Set and example id of each row."""
    return list(zip(*(examples.column(name).to_pylist() for name in ("set_name", "example_id")), strict=True))


def write_manifest(lake: Lake, manifest: Manifest) -> None:
    """Make a data set exist. Raises ContractViolation without a bias report, or with one that leaves a bias out."""
    if manifest.bias is None or manifest.bias.missing:
        lacking = "no bias report" if manifest.bias is None else f"nothing on {', '.join(manifest.bias.missing)}"
        raise ContractViolation(f"data set {manifest.dataset_id}: {lacking}: it is not written")
    columns = ("dataset_id", "app", "built_at", "content_hash", "code_hash", "config_hash")
    row = {name: getattr(manifest, name) for name in columns}
    lake.append("gold/datasets/manifests", [{**row, "manifest": canonical_json(manifest)}])


def manifests(lake: Lake, app: str) -> list[Manifest]:
    """Every data set of `app`, oldest first."""
    rows = lake.read("gold/datasets/manifests", ["dataset_id", "manifest"], pc.field("app") == app).to_pylist()
    rows.sort(key=lambda row: row["dataset_id"])
    return [msgspec.json.decode(row["manifest"], type=Manifest) for row in rows]


def find_manifest(lake: Lake, app: str, dataset_id: str) -> Manifest:
    """The data set of that id, or of the only id that starts so. Raises UsageError."""
    known = manifests(lake, app)
    found = [manifest for manifest in known if manifest.dataset_id.startswith(dataset_id)]
    if len(found) != 1:
        raise UsageError(f"{len(found)} data sets of {app} begin with {dataset_id!r}: see `feedwheel dataset list`")
    return found[0]


def newest_manifest(lake: Lake, app: str) -> Manifest | None:
    """The newest data set that holds all candidates of its time."""
    whole = [manifest for manifest in manifests(lake, app) if manifest.is_whole]
    return whole[-1] if whole else None


def examples_of(lake: Lake, dataset_id: str, set_name: str | None = None) -> pa.Table:
    """Rows of a data set, or of one of its sets, sorted by example id."""
    where = pc.field("dataset_id") == dataset_id
    if set_name is not None:
        where &= pc.field("set_name") == set_name
    return lake.read("gold/datasets/examples", where=where).sort_by("example_id")


def dropped_by(lake: Lake, manifest: Manifest) -> pa.Table:
    """What the curation of a data set left out: rows of gold/dropped."""
    return lake.read("gold/dropped", where=pc.field("run_id") == manifest.curation_run_id)


def candidates_behind(lake: Lake, manifest: Manifest) -> pa.Table:
    """What it could be chosen from, also of people who withdrew before it was built: rows of gold/candidates."""
    return lake.read("gold/candidates", where=pc.field("run_id") == manifest.curation_run_id)


def readable_examples_of(lake: Lake, dataset_id: str, set_name: str | None = None) -> pa.Table:
    """The same, less those whose text was taken out because somebody withdrew it; their rows stay, for lineage (I8)."""
    examples = examples_of(lake, dataset_id, set_name)
    return examples.filter(pc.field("completion") != WITHDRAWN_TEXT)
