"""What a maintenance run did to each table, or would do."""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.tables import TableName


@dataclass(frozen=True, slots=True)
class TableReport:
    """One table. Files and bytes are those of its newest version, before and after.

    `merged` files became fewer, with `rows` in them; `deleted` files of older versions are gone, `younger` ones wait
    for their 7 days.
    """

    files_before: int
    files_after: int
    bytes_before: int
    bytes_after: int
    merged: int
    rows: int
    deleted: int
    younger: int


@dataclass(frozen=True, slots=True)
class MaintainReport:
    """One run. `payloads_expired` rejected records lost their bytes after 14 days.

    A dry run changed nothing and says what would be done; merged files are taken to be as large as before.
    """

    run_id: str
    engine: str
    dry_run: bool
    tables: Mapping[TableName, TableReport]
    payloads_expired: int
    seconds: float
