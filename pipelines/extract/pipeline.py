"""The Beam pipeline of an extract run.

In: batches of conversations. Out: their rows in silver, committed together. Work moves, not records: an element is a
list of positions, what passes the shuffle are manifests of files, and there is one committer.
"""

from collections.abc import Iterable, Iterator, Sequence

import apache_beam as beam

from pipelines.extract.commit import Committer
from pipelines.extract.recompute import Batch, Manifest, Recomputer
from pipelines.io.beam import embedded_pipeline

_TOGETHER = 0
"""The one key under which all manifests meet."""


def run_batches(batches: Sequence[Batch], recomputer: Recomputer, committer: Committer) -> None:
    """Recompute `batches` and commit them. Raises the errors of both."""
    with embedded_pipeline() as pipeline:
        (
            pipeline
            | "Batches of conversations" >> beam.Create(batches)
            | "Spread over workers" >> beam.Reshuffle()
            | "Recompute each batch" >> beam.ParDo(RecomputeBatch(recomputer))
            | "All manifests together" >> beam.GroupByKey()
            | "Commit the revision" >> beam.ParDo(CommitRevision(committer))
        )


class RecomputeBatch(beam.DoFn):
    """Batch -> (the one key, manifest of its files)."""

    def __init__(self, recomputer: Recomputer) -> None:
        self._recomputer = recomputer

    def process(self, batch: Batch) -> Iterator[tuple[int, Manifest]]:
        """Recompute one batch."""
        yield _TOGETHER, self._recomputer.recompute(batch)


class CommitRevision(beam.DoFn):
    """(the one key, all manifests) -> the commits of a revision."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer

    def process(self, grouped: tuple[int, Iterable[Manifest]]) -> None:
        """Commit everything."""
        self._committer.commit(grouped[1])
