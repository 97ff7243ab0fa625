"""Rows of one table taken out, part after part, while no other maintainer has the table.

In: parts of a table and a change. Out: one commit for each part that it changes.
"""

from collections.abc import Iterable

from pipelines.context import Context
from pipelines.io.lake import Change, Rows
from pipelines.io.lease import leased
from schemas.tables import TableName


def rewrite(context: Context, table: TableName, parts: Iterable[Rows], change: Change, *, dry_run: bool) -> int:
    """How many rows were changed or would be. Raises Leased, and InfrastructureError if always overtaken."""
    parts, lake = list(parts), context.lake
    counts = (lake.rewrite(table, rows, change, dry_run=True) for rows in parts)
    if dry_run:
        return sum(counts)
    if not any(counts):
        return 0  # no lease where nothing is to be done: it is two commits
    with leased(lake, table, context.clock):
        return sum(lake.rewrite(table, rows, change) for rows in parts)
