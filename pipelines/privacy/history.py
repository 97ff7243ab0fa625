"""Older versions of the tables that hold what people said: their files go once they are old enough.

In: those tables. Out: the same without files that no current version names.
"""

from datetime import timedelta
from typing import Final

from pipelines.context import Context
from pipelines.io.lease import leased
from pipelines.io.vacuum import HISTORY_RETENTION, Unnamed, unnamed, vacuum
from schemas.tables import TableName

TEXT_TABLES: Final[tuple[TableName, ...]] = (
    "bronze/generations",
    "bronze/feedback",
    "bronze/privacy",
    "silver/turns",
    "silver/signals",
    "gold/candidates",
    "gold/labelled",
    "gold/datasets/examples",
    "gold/answers",
    "ops/control",
)
"""Tables that hold what people said, or the bytes of a record that may."""


def forget(context: Context, retention: timedelta = HISTORY_RETENTION, *, dry_run: bool) -> Unnamed:
    """Delete what is old enough, and say how much that was and what is younger. Raises Leased."""
    total = Unnamed()
    for name in TEXT_TABLES:
        found = unnamed(context.lake, name, retention)
        if found != Unnamed() and not dry_run:
            with leased(context.lake, name, context.clock) as lease:
                found = vacuum(lease, retention)
        total += found
    return total
