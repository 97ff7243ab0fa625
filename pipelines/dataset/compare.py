"""What changed between two data sets, and why.

In: two data sets of one application, the older first. Out: examples that only one of them has, by set and rule and by
the reason of `changes`, and what differs in their manifests.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.bronze import accepted, partition_of, position_of
from pipelines.consents import read_consents
from pipelines.context import Context
from pipelines.curate.record import candidate_ids
from pipelines.dataset.changes import Departed, News, Row, Side, why_added, why_removed
from pipelines.dataset.gone import who_is_gone
from pipelines.dataset.manifest import Manifest, dropped_by, examples_of, find_manifest
from pipelines.dataset.rebuild import vector_of
from pipelines.io.lake import Lake
from pipelines.people import UserKeys

_POSITIONED = ["event_id", "response_id", "topic", "topic_id", "partition", "offset"]


@dataclass(frozen=True, slots=True)
class DatasetDiff:
    """`added` and `removed` examples by `set rule`, `why` by reason, ids by reason; `kept` by set.

    `manifest` names what else differs.
    """

    old: str
    new: str
    identical: bool
    added: dict[str, int]
    why_added: dict[str, int]
    removed: dict[str, int]
    why_removed: dict[str, int]
    kept: dict[str, int]
    manifest: dict[str, str]
    ids_added: dict[str, list[str]]
    ids_removed: dict[str, list[str]]


def diff(context: Context, app: str, old: str, new: str) -> DatasetDiff:
    """Compare two data sets. Raises UsageError, ConfigError without the layers of user keys."""
    lake = context.lake
    before, after = (find_manifest(lake, app, name) for name in (old, new))
    had, has = (_by_id(examples_of(lake, manifest.dataset_id)) for manifest in (before, after))
    came = [has[name] for name in sorted(has.keys() - had.keys())]
    went = [had[name] for name in sorted(had.keys() - has.keys())]
    older, newer = _side(lake, before, had.values()), _side(lake, after, has.values())
    news, departed = _news(lake, before, [*came, *went]), _departed(context, app, went)
    ids_added = _grouped((why_added(row, older, newer, news), row) for row in came)
    ids_removed = _grouped((why_removed(row, older, newer, news, departed), row) for row in went)
    return DatasetDiff(
        old=before.dataset_id,
        new=after.dataset_id,
        identical=before.content_hash == after.content_hash,
        added=_counted(f"{row['set_name']} {row['rule']}" for row in came),
        why_added={reason: len(ids) for reason, ids in ids_added.items()},
        removed=_counted(f"{row['set_name']} {row['rule']}" for row in went),
        why_removed={reason: len(ids) for reason, ids in ids_removed.items()},
        kept=_counted(has[name]["set_name"] for name in has.keys() & had.keys()),
        manifest=_differences(before, after),
        ids_added=ids_added,
        ids_removed=ids_removed,
    )


def _by_id(examples: pa.Table) -> dict[str, Row]:
    return {row["example_id"]: row for row in examples.to_pylist()}


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def _grouped(reasons: Iterable[tuple[str, Row]]) -> dict[str, list[str]]:
    """Ids by reason, the most frequent first."""
    found = dict[str, list[str]]()
    for reason, row in reasons:
        found.setdefault(reason, []).append(row["example_id"])
    return dict(sorted(found.items(), key=lambda item: (-len(item[1]), item[0])))


def _side(lake: Lake, manifest: Manifest, examples: Collection[Row]) -> Side:
    left_out = dropped_by(lake, manifest).select(["example_id", "step", "reason"]).to_pylist()
    return Side(
        labels={(row["response_id"], row["use"]): row for row in examples},
        candidates=candidate_ids(lake, manifest.curation_run_id),
        dropped={row["example_id"]: f"{row['step']}: {row['reason']}" for row in left_out},
        withheld=frozenset(manifest.inputs.withheld),
        config_hash=manifest.config_hash,
        code_hash=manifest.code_hash,
    )


def _news(lake: Lake, before: Manifest, rows: Collection[Row]) -> News:
    """What bronze holds behind these examples beyond the vector of the older set."""
    conversations, answers = (_values(row[name] for row in rows) for name in ("conversation_id", "response_id"))
    events = _values(event for row in rows for event in row["event_ids"])
    of_app, vector = accepted(before.app), vector_of(before.inputs)
    said = lake.read(
        "bronze/generations",
        [*_POSITIONED, "conversation_id"],
        of_app & pc.field("conversation_id").isin(conversations),
    ).to_pylist()
    about = pc.field("response_id").isin(answers) | pc.field("event_id").isin(events)
    reactions = lake.read("bronze/feedback", _POSITIONED, of_app & about).to_pylist()
    known = {row["conversation_id"] for row in said if not _is_new(row, vector)}
    new_answers, new_reactions = ([row for row in of if _is_new(row, vector)] for of in (said, reactions))
    return News(
        conversations={row["conversation_id"] for row in new_answers} - known,
        answers={row["response_id"] for row in new_answers},
        events={row["event_id"] for row in (*new_answers, *new_reactions)},
        spoken_about={row["response_id"] for row in new_reactions},
    )


def _is_new(row: Mapping[str, Any], vector: Mapping[tuple[str, int], int]) -> bool:
    position = position_of(row)
    return position.offset >= vector.get(partition_of(position), 0)


def _values(names: Iterable[str]) -> pa.Array:
    return pa.array(sorted(set(names)), pa.string())


def _departed(context: Context, app: str, went: Collection[Row]) -> Departed:
    gone = who_is_gone(context.lake, app, read_consents(context.lake, app, UserKeys(context.settings.user_keys)))
    return Departed(
        erased={row["example_id"] for row in went if row["user_key"] in gone.erased},
        withdrawn={row["example_id"] for row in went if row["conversation_id"] in gone.withdrawn},
    )


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
