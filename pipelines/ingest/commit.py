"""The one committer of a table: files and offsets in one commit (I2).

In: manifests of ranges, in any order. Out: those that were committed, because they continue what the table already
holds. The steps, numbered as in the code:

1. open the table and read how far each partition has come;
2. take, per partition, the manifests that continue it without a hole; the others were overtaken by another drain, or
   their files are there no more: maintenance removes what waits for its commit for a week;
3. add their files and advance their transactions, counters included, on the version that was read;
4. if another writer was faster, nothing was committed: begin again at 1.

Overtaken files stay unreferenced until maintenance removes them.
"""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import groupby
from operator import add
from typing import Final

from deltalake import DeltaTable
from deltalake.transaction import AddAction
from pyarrow.fs import FileType

from pipelines import crash
from pipelines.ingest.manifest import DataFile, Manifest, RangeCounts
from pipelines.ingest.metrics import COMMIT_SECONDS
from pipelines.ingest.offsets import Progress, Source, progress_of
from pipelines.io.lake import ATTEMPTS, Lake, StaleCommit, commit_files
from pipelines.io.parquet import locate
from pipelines.runs import canonical_json
from schemas.errors import InfrastructureError
from schemas.tables import BronzeTable

_LOG: Final = logging.getLogger(__name__)

RUN_KEY: Final = "feedwheel.run"
RANGES_KEY: Final = "feedwheel.ranges"
COUNTS_KEY: Final = "feedwheel.counts"
OLDEST_KEY: Final = "feedwheel.oldest"
"""Commit metadata: which drain committed how many ranges, what was in them, and when the oldest of their records was
appended (milliseconds since the epoch). They explain a commit; what must last are its transactions."""


@dataclass(frozen=True, slots=True)
class Committer:
    """Commits manifests to tables of a lake in the name of one drain."""

    lake: Lake
    run_id: str
    started_ms: int

    def commit(self, table: BronzeTable, manifests: Sequence[Manifest]) -> int:
        """Commit what continues the table, and say how many. Raises InfrastructureError if it is always too late."""
        started = time.monotonic()
        for _ in range(ATTEMPTS):
            handle = self.lake.open(table)  # 1
            known = progress_of(handle)
            chosen = continuing(_there(handle, manifests), known)  # 2
            if not chosen:
                return 0
            counts = reduce(add, (manifest.counts for manifest in chosen))
            crash.reach("before_commit")
            try:
                crash.reach("during_commit")
                commit_files(  # 3
                    handle,
                    [self._action(manifest.file) for manifest in chosen if manifest.file],
                    _transactions(chosen, known),
                    self._metadata(chosen, counts),
                )
            except StaleCommit:
                continue  # 4
            COMMIT_SECONDS.labels(table).observe(time.monotonic() - started)
            crash.reach("after_commit")
            return len(chosen)
        raise InfrastructureError(f"{self.lake.uri(table)}: {ATTEMPTS} commits in a row were overtaken: run it again")

    def _metadata(self, chosen: Sequence[Manifest], counts: RangeCounts) -> dict[str, str]:
        metadata = {RUN_KEY: self.run_id, RANGES_KEY: str(len(chosen)), COUNTS_KEY: canonical_json(counts)}
        if appended := [manifest.oldest_ms for manifest in chosen if manifest.oldest_ms is not None]:
            metadata[OLDEST_KEY] = str(min(appended))
        return metadata

    def _action(self, file: DataFile) -> AddAction:
        return AddAction(file.path, file.size, {}, self.started_ms, True, file.statistics)


def _there(table: DeltaTable, manifests: Sequence[Manifest]) -> list[Manifest]:
    """Those whose file, if they have one, still exists."""
    filesystem, root = locate(table.table_uri)
    names = [manifest.file.path for manifest in manifests if manifest.file]
    found = filesystem.get_file_info([f"{root}/{name}" for name in names])
    gone = {name for name, info in zip(names, found, strict=True) if info.type == FileType.NotFound}
    if gone:
        _LOG.warning(
            "%s: %d ranges waited so long for their commit that they are read again", table.table_uri, len(gone)
        )
    return [manifest for manifest in manifests if not manifest.file or manifest.file.path not in gone]


def continuing(manifests: Iterable[Manifest], known: Mapping[Source, Progress]) -> list[Manifest]:
    """The manifests that carry each partition on from its next offset without a hole, in order."""
    ordered = sorted(manifests, key=lambda manifest: (manifest.range.source, manifest.range.first, manifest.range.next))
    chosen: list[Manifest] = []
    for source, of_partition in groupby(ordered, key=lambda manifest: manifest.range.source):
        next_offset = known[source].next if source in known else None
        for manifest in of_partition:
            if manifest.range.first == next_offset or (next_offset is None and manifest.range.opens):
                chosen.append(manifest)
                next_offset = manifest.range.next
    return chosen


def _transactions(chosen: Sequence[Manifest], known: Mapping[Source, Progress]) -> dict[str, int]:
    """Next offset of every partition that advances, and those of its counters that change."""
    transactions: dict[str, int] = {}
    for source, of_partition in groupby(chosen, key=lambda manifest: manifest.range.source):
        manifests = list(of_partition)
        counts = reduce(add, (manifest.counts for manifest in manifests))
        before = known.get(source)
        if before is None:
            before = Progress(first := manifests[0].range.first, first, published=first)
            transactions[source.counter("first")] = first
        transactions[source.app_id] = manifests[-1].range.next
        if counts.gaps:
            transactions[source.counter("gaps")] = before.gaps + counts.gaps
        if counts.lost:
            transactions[source.counter("lost")] = before.lost + counts.lost
        if not counts.rejected and before.published == before.next:
            # Nothing waits to be published and nothing was rejected: no dead letters are due below the new offset.
            transactions[source.counter("published")] = manifests[-1].range.next
    return transactions
