"""What silver says now, without what differs between runs that found the same."""

from typing import Any

from pipelines import silver
from pipelines.io.lake import Lake
from tests.events import APP

MOVING = {"revision", "as_of"}
"""Columns that differ between runs that found the same."""


def current(lake: Lake, app: str = APP) -> dict[str, list[dict[str, Any]]]:
    """The current rows of every table of conversations, less what differs from run to run, in a fixed order."""
    revisions = silver.current_revisions(lake, app)
    tables = ("silver/conversations", "silver/turns", "silver/signals")
    return {name: _sorted(silver.rows_of(lake, name, app, revisions)) for name in tables}


def _sorted(rows):
    return sorted(({k: v for k, v in row.items() if k not in MOVING} for row in rows.to_pylist()), key=repr)
