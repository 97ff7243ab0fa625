"""The fence of an application in a table: what was made of words that have been taken out since is not appended.

In: tables that hold what people said. Out: appends, or a refusal, by one transaction of each table's own log:

    privacy/<app>    digest of what is withheld of the application, as of the last time it was taken out

A run reads it before it reads anything else, and says the same again with all that it appends, so that no commit that
moves it comes between the look and the rows. Whoever takes words out moves it first: what a run has appended by then is
found, and what it would append later is refused. Runs of one application are not in each other's way: none moves it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable

from pipelines.io.lake import Lake, commit_files, until_committed
from schemas.errors import InfrastructureError
from schemas.tables import TableName


@dataclass(frozen=True, slots=True)
class Fenced:
    """A run that began when the fences of its tables stood there."""

    lake: Lake
    app: str
    began: Mapping[TableName, int]

    def append(self, name: TableName, rows: Sequence[Mapping[str, Any]] | pa.Table) -> None:
        """Append rows of the contract. Raises InfrastructureError if words were taken out of the table since."""
        self.lake.append(name, rows, lambda table: self._unmoved(name, table))

    def _unmoved(self, name: TableName, table: DeltaTable) -> Mapping[str, int]:
        if _stands(table, self.app) != self.began[name]:
            raise InfrastructureError(
                f"{self.app}: words were taken out of {name} while this ran, so nothing that it made of them counts: "
                "run it again"
            )
        return {_fence(self.app): self.began[name]}


def fenced(lake: Lake, app: str, *names: TableName) -> Fenced:
    """A run that begins now and will append to these tables."""
    return Fenced(lake, app, {name: _stands(lake.open(name), app) for name in names})


def fence_off(lake: Lake, app: str, withheld: int, *names: TableName) -> None:
    """Let no run append to these tables that began when something else was withheld. Raises StaleCommit."""
    for name in names:
        until_committed(partial(_move, lake, name, app, withheld))


def _move(lake: Lake, name: TableName, app: str, withheld: int) -> None:
    table = lake.open(name)
    if _stands(table, app) != withheld:
        commit_files(table, [], {_fence(app): withheld}, {})


def _stands(table: DeltaTable, app: str) -> int:
    return table.transaction_version(_fence(app)) or 0


def _fence(app: str) -> str:
    return f"privacy/{app}"
