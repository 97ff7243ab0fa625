"""The Beam pipeline of one round of a drain.

In: ranges of topic partitions. Out: their records as rows of bronze, committed with their offsets. Work moves, not
records: an element is a lane of ranges, what passes the shuffle are manifests, and each table has one committer (I1,
I2). Reading JSON and writing Parquet release Python's lock, so threads of one process share the work.
"""

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import apache_beam as beam

from pipelines.ingest.commit import Committer
from pipelines.ingest.manifest import Manifest, Range
from pipelines.ingest.plan import lanes
from pipelines.ingest.write import RangeWriter
from pipelines.io.beam import embedded_pipeline
from pipelines.io.kafka_ranges import RangeSource
from schemas.machine import give_back_memory
from schemas.tables import BronzeTable

OpenSource = Callable[[], RangeSource]
"""Connects a worker to the log; every worker has a connection of its own."""


def run_round(
    ranges: Sequence[Range], open_source: OpenSource, writer: RangeWriter, committer: Committer, threads: int = 1
) -> None:
    """Read, write and commit `ranges`. Raises InfrastructureError; what was committed before stays."""
    with without_collection(), embedded_pipeline(threads) as pipeline:
        (
            pipeline
            | "Lanes of ranges" >> beam.Create(lanes(ranges, threads))
            | "Write each range as a file" >> beam.ParDo(WriteRanges(open_source, writer))
            | "Manifests by table" >> beam.GroupByKey()
            | "Commit each table" >> beam.ParDo(CommitTable(committer))
        )
    give_back_memory()  # of a backlog of any length, memory holds a round


@contextmanager
def without_collection() -> Iterator[None]:
    """Records and events hold no cycles; the collector would walk them all, at a tenth to a third of the whole cost."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class WriteRanges(beam.DoFn):
    """Ranges -> (table, manifest of its file) for each."""

    def __init__(self, open_source: OpenSource, writer: RangeWriter) -> None:
        self._open_source = open_source
        self._writer = writer

    def setup(self) -> None:
        """Connect this worker."""
        self._source = self._open_source()

    def process(self, lane: Sequence[Range]) -> Iterator[tuple[BronzeTable, Manifest]]:
        """Read one range after the other to its end."""
        for part in lane:
            yield part.table, self._writer.write(self._source, part)

    def teardown(self) -> None:
        """Disconnect this worker."""
        self._source.close()


class CommitTable(beam.DoFn):
    """(table, its manifests) -> one commit, or none if another drain was first."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer

    def process(self, grouped: tuple[BronzeTable, Iterable[Manifest]]) -> None:
        """Commit what continues the table."""
        table, manifests = grouped
        self._committer.commit(table, list(manifests))
