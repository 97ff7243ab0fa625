"""What a drain did, read back from the commits it made: what is reported is what was committed."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from operator import add
from typing import Any

import msgspec
from deltalake import DeltaTable

from pipelines.ingest.commit import COUNTS_KEY, RANGES_KEY, RUN_KEY
from pipelines.ingest.manifest import RangeCounts
from pipelines.io.delta_log import commits
from pipelines.io.lake import Lake
from schemas.tables import BronzeTable


@dataclass(frozen=True, slots=True)
class IngestReport:
    """Counts of one drain.

    `records` is by table, `accepted` by application, `rejected` by reason. `gaps` and `lost` are offsets: of no record,
    and deleted by retention before they could be read. `overtaken` ranges were read, but another drain committed first.
    `truncated` partitions end before what was ingested from them. `redactions`: events that nobody vouched for and were
    redacted here, and of the vouched ones how many were audited and found clean, and how many had leaked.
    """

    run_id: str
    as_of: datetime | None
    seconds: float
    records: dict[str, int]
    accepted: dict[str, int]
    rejected: dict[str, int]
    redactions: dict[str, int]
    gaps: int
    lost: int
    overtaken: int
    dead_letters: int
    payloads_expired: int
    truncated: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Committed:
    """The commits of one drain to one table. `version`: the table's with the last of them, -1 without any."""

    counts: RangeCounts = field(default_factory=RangeCounts)
    ranges: int = 0
    version: int = -1

    def __add__(self, other: "Committed") -> "Committed":
        return Committed(self.counts + other.counts, self.ranges + other.ranges, max(self.version, other.version))


def committed(
    lake: Lake, run_id: str, since: Mapping[BronzeTable, int], until: Mapping[BronzeTable, int]
) -> dict[BronzeTable, Committed]:
    """What the drain `run_id` committed to each table after the given table versions, `until` others or to now."""
    return {name: _committed_to(lake, name, run_id, version, until.get(name)) for name, version in since.items()}


def _committed_to(lake: Lake, name: BronzeTable, run_id: str, since: int, until: int | None) -> Committed:
    table = lake.open(name)
    last = table.version() if until is None else until
    ours = (
        Committed(counts_of(commit), int(commit[RANGES_KEY]), version)
        for version, commit in commits_after(table, since).items()
        if commit[RUN_KEY] == run_id and version <= last
    )
    return reduce(add, ours, Committed())


def commits_after(table: DeltaTable, version: int) -> dict[int, Mapping[str, Any]]:
    """The commits of ranges that the log still has after a table version, with their metadata, by version."""
    return {made: commit for made, commit in commits(table, version).items() if RUN_KEY in commit}


def counts_of(commit: Mapping[str, Any]) -> RangeCounts:
    """What was in the ranges of a commit. `bytes` is 0 in commits of versions that did not count them."""
    counts = msgspec.json.decode(commit[COUNTS_KEY])
    rejected: Counter[Any] = Counter(counts["rejected"])
    redactions: Counter[Any] = Counter(counts["redactions"])
    return RangeCounts(
        Counter(counts["accepted"]), rejected, counts["gaps"], counts["lost"], redactions, counts.get("bytes", 0)
    )
