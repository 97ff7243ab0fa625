"""Gold without what is withheld: candidates go, examples of data sets lose their text, answers to them go.

In: conversations of which something is withheld. Out: nothing readable of them in what was curated before the change
was known; what was curated since is right by itself. The row of an example stays with its ids: it says what a model was
trained on (I8), and the set keeps the content hash by which a replay judges it (I3).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.consents import Horizon
from pipelines.context import Context
from pipelines.curate.record import curations
from pipelines.dataset.manifest import WITHDRAWN_TEXT, manifests
from pipelines.dataset.rebuild import horizon_of
from pipelines.io.fence import fence_off
from pipelines.io.lake import Change, Rows, chunks
from pipelines.privacy.rewriting import rewrite
from pipelines.privacy.withdrawals import Withdrawals
from pipelines.trained import trained_models
from schemas.tables import GoldTable, TableName

_WITHOUT_TEXT: Final[Mapping[str, Any]] = {"prompt": [], "completion": WITHDRAWN_TEXT, "shown": None}

_NOTHING: Final = Horizon({}, 0)

_MADE_OF_SILVER: Final[tuple[GoldTable, ...]] = ("gold/candidates", "gold/labelled", "gold/datasets/examples")
"""Directly, or of candidates less those of conversations of which something is withheld."""

Member = tuple[str, str]
"""A curation or a data set, and an example of it."""


@dataclass(frozen=True, slots=True)
class GoldRows:
    """Rows changed by table, and the models that were trained on an example whose text is withheld."""

    changed: Mapping[TableName, int]
    models: tuple[str, ...]


def take_out(context: Context, app: str, found: Withdrawals, withheld: int, *, dry_run: bool) -> GoldRows:
    """Take out what is withheld, `withheld` its digest. Raises InfrastructureError if always overtaken.

    Silver is right by now. A run that began before may hold what it was, so it is fenced off before anything is looked
    for, and one that asks models only once the examples they are asked about are right as well.
    """
    if not dry_run:
        fence_off(context.lake, app, withheld, *_MADE_OF_SILVER)
    curated = {curation.run_id: horizon_of(curation.inputs) for curation in curations(context.lake, app)}
    built = {manifest.dataset_id: horizon_of(manifest.inputs) for manifest in manifests(context.lake, app)}
    candidates = _members(context, app, "gold/candidates", "run_id", curated, found)
    labelled = _members(context, app, "gold/labelled", "run_id", curated, found)
    examples = _members(context, app, "gold/datasets/examples", "dataset_id", built, found)
    candidate_ids, labelled_ids, example_ids = (
        {example_id for _, example_id in members} for members in (candidates, labelled, examples)
    )

    def rewritten(table: GoldTable, of: Collection[str], change: Change) -> int:
        parts = (Rows({"app": [app], "example_id": ids}) for ids in chunks(of))
        return rewrite(context, table, parts, change, dry_run=dry_run)

    changed: dict[TableName, int] = {
        "gold/candidates": rewritten("gold/candidates", candidate_ids, _removing("run_id", candidates)),
        "gold/labelled": rewritten("gold/labelled", labelled_ids, _removing("run_id", labelled)),
        "gold/datasets/examples": rewritten("gold/datasets/examples", example_ids, _emptying(examples)),
    }
    if not dry_run:
        fence_off(context.lake, app, withheld, "gold/answers")
    changed["gold/answers"] = rewritten("gold/answers", example_ids, lambda rows: (rows.slice(0, 0), rows.num_rows))
    sets = {dataset_id for dataset_id, _ in examples}
    models = tuple(model.model_version for model in trained_models(context.lake, app) if model.dataset_id in sets)
    return GoldRows(changed, models)


def _members(
    context: Context, app: str, table: GoldTable, of: str, known: Mapping[str, Horizon], found: Withdrawals
) -> set[Member]:
    """The rows that were made before a withdrawal was known; what was never finished knew nothing."""
    names = pa.array(sorted(found.people_of), pa.string())
    where = (pc.field("app") == app) & pc.field("conversation_id").isin(names)
    rows = context.lake.read(table, [of, "example_id", "conversation_id"], where).to_pylist()
    withheld = {made: found.conversations_unknown_to(known.get(made, _NOTHING)) for made in {row[of] for row in rows}}
    return {(row[of], row["example_id"]) for row in rows if row["conversation_id"] in withheld[row[of]]}


def _removing(of: str, members: Collection[Member]) -> Change:
    def change(rows: pa.Table) -> tuple[pa.Table, int]:
        pairs = zip(*(rows.column(name).to_pylist() for name in (of, "example_id")), strict=True)
        kept = [pair not in members for pair in pairs]
        return rows.filter(pa.array(kept, pa.bool_())), len(kept) - sum(kept)

    return change


def _emptying(members: Collection[Member]) -> Change:
    def is_withheld(row: Mapping[str, Any]) -> bool:
        return (row["dataset_id"], row["example_id"]) in members and row["completion"] != WITHDRAWN_TEXT

    def change(rows: pa.Table) -> tuple[pa.Table, int]:
        found = rows.to_pylist()
        emptied = [{**row, **_WITHOUT_TEXT} if is_withheld(row) else row for row in found]
        return pa.Table.from_pylist(emptied, schema=rows.schema), sum(map(is_withheld, found))

    return change
