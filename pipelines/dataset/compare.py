"""What changed between two data sets.

In: two data sets of one application. Out: examples that only one of them has, by set and rule, and what differs in
their manifests.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

from pipelines.context import Context
from pipelines.dataset.manifest import Manifest, examples_of, find_manifest


@dataclass(frozen=True, slots=True)
class DatasetDiff:
    """`added` and `removed` examples by `set rule`; `kept` by set. `manifest` names what else differs."""

    old: str
    new: str
    identical: bool
    added: dict[str, int]
    removed: dict[str, int]
    kept: dict[str, int]
    manifest: dict[str, str]


def diff(context: Context, app: str, old: str, new: str) -> DatasetDiff:
    """Compare two data sets. Raises UsageError."""
    before, after = (find_manifest(context.lake, app, name) for name in (old, new))
    rows = {manifest.dataset_id: _by_id(examples_of(context.lake, manifest.dataset_id)) for manifest in (before, after)}
    had, has = rows[before.dataset_id], rows[after.dataset_id]
    return DatasetDiff(
        old=before.dataset_id,
        new=after.dataset_id,
        identical=before.content_hash == after.content_hash,
        added=_counted(has[name] for name in has.keys() - had.keys()),
        removed=_counted(had[name] for name in had.keys() - has.keys()),
        kept=_counted(label.split()[0] for label in (has[name] for name in has.keys() & had.keys())),
        manifest=_differences(before, after),
    )


def _by_id(examples: pa.Table) -> dict[str, str]:
    columns = (examples.column(name).to_pylist() for name in ("example_id", "set_name", "rule"))
    return {example_id: f"{set_name} {rule}" for example_id, set_name, rule in zip(*columns, strict=True)}


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def _differences(before: Manifest, after: Manifest) -> dict[str, str]:
    """Facts of the manifest that differ, old and new."""
    pairs = {
        "as_of": (before.inputs.as_of, after.inputs.as_of),
        "code": (before.code_hash[:12], after.code_hash[:12]),
        "config": (before.config_hash[:12], after.config_hash[:12]),
        "input_rows": (before.input_rows, after.input_rows),
        "selection": (before.selection, after.selection),
        "artefacts": (before.artefacts, after.artefacts),
    }
    return {name: f"{old} -> {new}" for name, (old, new) in pairs.items() if old != new}
