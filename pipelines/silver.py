"""Reading silver: the current rows of an append-only layer.

In: silver tables. Out: the rows of each conversation's highest revision. A revision counts once `silver/conversations`
names it, so rows of an extract run that died before its last commit are never seen. A revision without a turn ends its
conversation: nothing of it may be used any more.
"""

from collections.abc import Sequence
from typing import Final, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from pipelines.io.lake import Lake

_REVISION: Final = ["conversation_id", "revision"]
RevisedTable = Literal["silver/turns", "silver/signals", "silver/conversations"]


def current_revisions(lake: Lake, app: str) -> pa.Table:
    """One row per conversation of `app` that holds anything: conversation_id string, revision string (its highest)."""
    rows = lake.read("silver/conversations", [*_REVISION, "turns"], pc.field("app") == app)
    newest = rows.group_by("conversation_id").aggregate([("revision", "max")]).rename_columns(_REVISION)
    return newest.join(rows.filter(pc.field("turns") == 0), keys=_REVISION, join_type="left anti")


def admitted_revisions(lake: Lake, app: str) -> pa.Table:
    """The current revisions that validation has admitted, same columns."""
    admissions = lake.read("silver/admissions", ["conversation_id", "revision"], pc.field("app") == app)
    return current_revisions(lake, app).join(admissions, keys=["conversation_id", "revision"], join_type="left semi")


def rows_of(
    lake: Lake,
    name: RevisedTable,
    app: str,
    revisions: pa.Table,
    columns: Sequence[str] | None = None,
    where: ds.Expression | None = None,
) -> pa.Table:
    """Rows of a silver table that belong to the given revisions: all columns, or some and the revision's own."""
    of_app = pc.field("app") == app
    wanted = columns and [*_REVISION, *(column for column in columns if column not in _REVISION)]
    rows = lake.read(name, wanted, of_app if where is None else of_app & where)
    # pyarrow joins cannot carry nested columns: join row numbers, then take.
    keys = rows.select(["conversation_id", "revision"]).append_column("row", pa.array(range(rows.num_rows), pa.int64()))
    kept = keys.join(revisions, keys=["conversation_id", "revision"], join_type="left semi")
    return rows.take(kept.column("row").sort())
