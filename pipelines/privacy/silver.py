"""Silver without what is withheld: of a conversation that a withdrawal touched, only its current revision stays.

In: conversations of which something is withheld, recomputed by extract since. Out: no row of an earlier revision, nor
of one that never became current. Nobody reads those; but whoever opens the table could.
"""

import uuid
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.context import Context
from pipelines.io.lake import Rows, chunks
from pipelines.privacy.rewriting import rewrite
from pipelines.privacy.withdrawals import Withdrawals
from schemas.tables import SilverTable, TableName

_TEXT_TABLES: Final[tuple[SilverTable, ...]] = ("silver/turns", "silver/signals")
"""`silver/conversations` holds no text, and its rows name every event: they stay."""
_REVISION: Final = ["conversation_id", "revision"]


def take_out(context: Context, app: str, found: Withdrawals, *, dry_run: bool) -> dict[TableName, int]:
    """Remove what is not current; rows removed by table. Raises InfrastructureError if always overtaken.

    A run of extract that is under way may have written rows that it has not made current yet, made before it knew of a
    withdrawal or after. So it is fenced off first, if there is anything to remove: then all that is there and not
    current will never be.
    """
    from pipelines.extract import fence  # brings Beam

    if not any(_is_left(context, app, table, found) for table in _TEXT_TABLES):
        return dict.fromkeys(_TEXT_TABLES, 0)
    fenced_ms = None if dry_run else fence(context.lake, app, context.clock())
    current = _current(context, app)

    def only_current(rows: pa.Table) -> tuple[pa.Table, int]:
        revisions = zip(*(rows.column(name).to_pylist() for name in _REVISION), strict=True)
        kept = [
            current.get(name) == revision or (fenced_ms is not None and _made_ms(revision) > fenced_ms)
            for name, revision in revisions
        ]
        return rows.filter(pa.array(kept, pa.bool_())), len(kept) - sum(kept)

    return {
        table: rewrite(
            context,
            table,
            (Rows({"app": [app], "conversation_id": names}) for names in chunks(found.people_of)),
            only_current,
            dry_run=dry_run,
        )
        for table in _TEXT_TABLES
    }


def _is_left(context: Context, app: str, table: SilverTable, found: Withdrawals) -> bool:
    """Whether there is a row that is not current."""
    names = pa.array(sorted(found.people_of), pa.string())
    rows = context.lake.read(table, _REVISION, (pc.field("app") == app) & pc.field("conversation_id").isin(names))
    current = _current(context, app)
    return any(current.get(row["conversation_id"]) != row["revision"] for row in rows.to_pylist())


def _current(context: Context, app: str) -> dict[str, str]:
    """Newest revision by conversation, those that end one included."""
    rows = context.lake.read("silver/conversations", _REVISION, pc.field("app") == app)
    newest = rows.group_by("conversation_id").aggregate([("revision", "max")])
    return dict(zip(*(newest.column(name).to_pylist() for name in ("conversation_id", "revision_max")), strict=True))


def _made_ms(revision: str) -> int:
    """Milliseconds since the epoch at which a revision, a UUIDv7, was minted."""
    return uuid.UUID(revision).int >> 80
