"""What a drain, or an epoch of a stream, read and wrote, for a lineage catalogue.

In: an epoch, and what it came to. Out: topics with the offsets that were committed meanwhile, and tables with the
version of the last commit. Who drains at the same time has part in the offsets; versions and rows are ours alone.
"""

from collections import defaultdict

from pipelines.context import Context
from pipelines.ingest.epoch import Epoch, Settled, read_progress
from pipelines.io.openlineage import Dataset, OffsetRange


def topics_of(context: Context, epoch: Epoch) -> list[Dataset]:
    """The topics that are to be read."""
    address = context.settings.kafka.bootstrap_servers
    return [Dataset.topic(address, name, {}) for name in sorted({log.topic for log in epoch.logs})]


def read_by(context: Context, epoch: Epoch) -> list[Dataset]:
    """The topics of which anything was read, with half-open ranges of offsets by partition."""
    now, ranges = read_progress(context.lake), defaultdict[str, dict[str, OffsetRange]](dict)
    for log in epoch.logs:
        before, after = epoch.progress[log.table].get(log.source), now[log.table].get(log.source)
        first = before.next if before else after.first if after else 0
        if after and after.next > first:
            ranges[log.topic][str(log.source.partition)] = (first, after.next)
    address = context.settings.kafka.bootstrap_servers
    return [Dataset.topic(address, name, offsets) for name, offsets in sorted(ranges.items())]


def written_by(context: Context, settled: Settled) -> list[Dataset]:
    """The tables that were committed to, each with the version of the last commit and the rows of all."""
    return [
        Dataset.table(context.lake.uri(name), done.version, done.counts.records)
        for name, done in settled.done.items()
        if done.ranges
    ]
