"""What the Delta log knows of each topic partition: the only offset store (I2).

In: a bronze table as one handle has read it. Out: where each partition began, how far it has come, and what on the way
was no row. All of it are transactions of the table, committed together with the rows they count:

    feedwheel/<cluster id>/<topic id>/<partition>          next offset to read
    feedwheel/<cluster id>/<topic id>/<partition>/first    the log's beginning when it was first seen
    .../gaps      offsets so far that hold no record: transaction markers, aborted and compacted records
    .../lost      offsets so far that the log had deleted before they were read (retention loss)
    .../erased    rows so far that an erasure removed; whoever erases advances it in the same commit
    .../published dead letters of all offsets below it have been published
    feedwheel/as_of    on bronze/generations: extract's clock, in milliseconds since the epoch

There is no job in the names, so two drains fence each other; a topic made again has a new id and begins anew. Commit
metadata would be lost when the log is cleaned; transactions are kept by every checkpoint.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, get_args

from deltalake import DeltaTable

from pipelines.context import Context
from pipelines.io.delta_log import transactions
from pipelines.io.lake import Lake, StaleCommit, commit_files
from schemas.tables import TABLE_OF_TOPIC, BronzeTable

Counter = Literal["first", "gaps", "lost", "erased", "published"]
BRONZE_TABLES: Final[tuple[BronzeTable, ...]] = tuple(TABLE_OF_TOPIC.values())
_ROOT: Final = "feedwheel"
_AS_OF: Final = f"{_ROOT}/as_of"
_AS_OF_TABLE: Final[BronzeTable] = "bronze/generations"


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """One partition of one incarnation of a topic."""

    cluster_id: str
    topic_id: str
    partition: int

    @property
    def app_id(self) -> str:
        """Its transaction in the table that receives it."""
        return f"{_ROOT}/{self.cluster_id}/{self.topic_id}/{self.partition}"

    def counter(self, name: Counter) -> str:
        """The transaction that carries one of its counters."""
        return f"{self.app_id}/{name}"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a partition has come: offsets in [first, next), of which some were no row."""

    first: int
    next: int
    gaps: int = 0
    lost: int = 0
    erased: int = 0
    published: int = 0


def progress_of(table: DeltaTable) -> dict[Source, Progress]:
    """Every partition that the handle `table` has seen committed."""
    versions = transactions(table)
    found: dict[Source, Progress] = {}
    for app_id, next_offset in versions.items():
        match app_id.split("/"):
            case [root, cluster_id, topic_id, partition] if root == _ROOT:
                source = Source(cluster_id, topic_id, int(partition))
                counters = {name: versions.get(source.counter(name), 0) for name in get_args(Counter)}
                found[source] = Progress(next=next_offset, **counters)
    return found


def as_of(context: Context) -> datetime | None:
    """Start of the last drain that reached its end offsets: what it did not bring had not happened. None before one."""
    milliseconds = _as_of_table(context.lake).transaction_version(_AS_OF)
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)


def advance_as_of(lake: Lake, instant: datetime) -> datetime:
    """Record the start of a drain that reached its end offsets, unless a later one is there. Returns the recorded."""
    milliseconds = int(instant.timestamp() * 1000)
    while True:
        table = _as_of_table(lake)
        recorded = table.transaction_version(_AS_OF)
        if recorded is not None and recorded >= milliseconds:
            return datetime.fromtimestamp(recorded / 1000, UTC)
        try:
            commit_files(table, [], {_AS_OF: milliseconds}, {})
        except StaleCommit:
            continue  # another drain moved it; whose start is later decides
        return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _as_of_table(lake: Lake) -> DeltaTable:
    return lake.open(_AS_OF_TABLE)
