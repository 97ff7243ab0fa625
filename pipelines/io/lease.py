"""The lease of a table: one maintainer at a time, by transactions of the table's own log.

In: a table, a clock. Out: the right to replace its files until a time. Whoever dies holds it until then and no longer:

    feedwheel/lease          how often the lease was taken: the fencing token of whoever took it last
    feedwheel/lease_until    when it ends, in milliseconds since the epoch; 0 once it is given back

Ingest and extract only append and need none. Clocks decide who may begin; that nobody commits who has lost the lease
does not depend on them: the number is part of every commit that replaces files.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from deltalake import DeltaTable

from pipelines import crash
from pipelines.context import Clock
from pipelines.io.lake import ATTEMPTS, Lake, StaleCommit, commit_files
from schemas.errors import InfrastructureError
from schemas.tables import TableName

LEASE: Final = timedelta(minutes=15)
"""Far above the time of one replacement, which renews it; so long others wait for one who was killed."""

LONGEST_LEASE: Final = timedelta(hours=4)
"""No lease is taken for longer: it is what a merge of a large table takes where nothing renews the lease meanwhile."""

_CLOCKS_APART: Final = timedelta(hours=1)
"""More than clocks of machines that work are ever apart, a wrong time zone included."""

_NUMBER: Final = "feedwheel/lease"
_UNTIL: Final = "feedwheel/lease_until"


class Leased(InfrastructureError):
    """Another maintainer has the table."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to replace files of one table, for `duration` from each commit that carries it."""

    lake: Lake
    name: TableName
    clock: Clock
    duration: timedelta
    number: int

    def transactions(self, table: DeltaTable) -> dict[str, int]:
        """What a commit on this handle carries: the number, and a new end. Raises Leased if another has taken over."""
        if table.transaction_version(_NUMBER) != self.number:
            raise Leased(
                f"{table.table_uri}: this run took longer than its lease and another maintainer took over, so it "
                "stopped: what it did stays, and the same command goes on from there"
            )
        return {_NUMBER: self.number, _UNTIL: _milliseconds(self.clock() + self.duration)}


@contextmanager
def leased(lake: Lake, name: TableName, clock: Clock, duration: timedelta = LEASE) -> Iterator[Lease]:
    """Hold the lease of a table while the block runs. Raises Leased if another maintainer has it."""
    lease = _take(lake, name, clock, duration)
    crash.reach("leased")
    try:
        yield lease
    finally:
        _give_back(lease)


def _take(lake: Lake, name: TableName, clock: Clock, duration: timedelta) -> Lease:
    for _ in range(ATTEMPTS):
        table, now = lake.open(name), _milliseconds(clock())
        until = table.transaction_version(_UNTIL) or 0
        # Further ahead than any lease lasts, it was taken under a wrong clock, and waiting would be for as long.
        if now < until <= now + (LONGEST_LEASE + _CLOCKS_APART) // timedelta(milliseconds=1):
            ends = datetime.fromtimestamp(until / 1000, UTC)
            raise Leased(
                f"{table.table_uri} is being maintained by another run (feedwheel maintain or privacy apply) until "
                f"{ends:%F %T} UTC at the latest: run this again then"
            )
        number = (table.transaction_version(_NUMBER) or 0) + 1
        try:
            commit_files(table, [], {_NUMBER: number, _UNTIL: now + duration // timedelta(milliseconds=1)}, {})
        except StaleCommit:
            continue  # another took it, or was as late as this one
        return Lease(lake, name, clock, duration, number)
    raise InfrastructureError(f"{lake.uri(name)}: {ATTEMPTS} others in a row were faster: run this again")


def _give_back(lease: Lease) -> None:
    """Unless another has taken it over."""
    for _ in range(ATTEMPTS):
        table = lease.lake.open(lease.name)
        if table.transaction_version(_NUMBER) != lease.number:
            return
        try:
            commit_files(table, [], {_NUMBER: lease.number, _UNTIL: 0}, {})
        except StaleCommit:
            continue
        return


def _milliseconds(time: datetime) -> int:
    return int(time.timestamp() * 1000)
