"""What ingest tells Prometheus: every metric, under the one name that it has.

Labels are bounded: tables and reasons are closed vocabularies, topics are those of feedwheel.toml. docs/operating.md
lists them all.
"""

from collections.abc import Sequence
from typing import Final, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from schemas.events import RejectReason
from schemas.tables import BronzeTable

_COMMIT_S: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""10 ms on a local disk, some hundreds on an object store; the rest is trouble."""
_DELAY_S: Final = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0, 6 * 3600.0, 24 * 3600.0)
"""From a stream at full load to a drain a day."""

COMMIT_SECONDS: Final = Histogram(
    "feedwheel_ingest_commit_seconds",
    "How long a commit took, repeats included; only of commits that this process made",
    ("table",),
    buckets=_COMMIT_S,
    registry=None,
)
"""Of the process, not of a registry: whoever commits may have come through a pipeline, which carries no metrics."""


class IngestMetrics:
    """The metrics of one observer, in a registry of its own. Counts are 0 from its start on, not absent."""

    def __init__(self, tables: Sequence[BronzeTable]) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(COMMIT_SECONDS)
        # Read from commits.
        self.accepted = self._counter("accepted", "Events committed as accepted rows", "table")
        self.rejected = self._counter("rejected", "Records committed as rejected rows", "table", "reason")
        self.bytes = self._counter("bytes", "Bytes of the values of committed records, as in Kafka", "table")
        self.gaps = self._counter("gaps", "Committed offsets that held no record", "table")
        self.lost = self._counter("lost", "Committed offsets that Kafka had deleted before they were read", "table")
        self.commit_delay = Histogram(
            "feedwheel_ingest_commit_delay_seconds",
            "From the append of the oldest record of a commit to the commit",
            ("table",),
            buckets=_DELAY_S,
            registry=self.registry,
        )
        self.table_version = self._gauge(
            "table_version", "Version of the table up to which commits are counted", "table"
        )
        # As they are now.
        self.kafka_up = self._gauge("kafka_up", "1 if Kafka answered the last look")
        self.lag = self._gauge("lag_offsets", "Offsets that Kafka has and no commit", "topic", "partition")
        self.oldest = self._gauge(
            "oldest_uncommitted_timestamp_seconds",
            "When the oldest record that no commit has was appended; absent where there is none",
            "topic",
            "partition",
        )
        self.as_of = self._gauge("as_of_timestamp_seconds", "All that had happened by then is committed")
        for table in tables:
            for metric in (self.accepted, self.bytes, self.gaps, self.lost, self.commit_delay):
                metric.labels(table)
            for reason in get_args(RejectReason):
                self.rejected.labels(table, reason)

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(f"feedwheel_ingest_{name}", what, labels, registry=self.registry)

    def _gauge(self, name: str, what: str, *labels: str) -> Gauge:
        return Gauge(f"feedwheel_ingest_{name}", what, labels, registry=self.registry)
