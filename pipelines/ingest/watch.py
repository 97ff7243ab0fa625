"""Watching ingest from beside it: what was committed, and what waits in Kafka.

In: the logs of the bronze tables, and the broker. Out: metrics. Counts are read from the commits of whoever makes them,
here or on a cluster, so what is counted is what was committed (I1); nothing is asked of a pipeline.
"""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from prometheus_client import Gauge

from pipelines.context import Context
from pipelines.ingest.commit import OLDEST_KEY
from pipelines.ingest.epoch import read_progress
from pipelines.ingest.metrics import COMMIT_SECONDS, IngestMetrics
from pipelines.ingest.offsets import BRONZE_TABLES, as_of
from pipelines.ingest.plan import TableProgress
from pipelines.ingest.report import commits_after, counts_of
from pipelines.ingest.survey import survey
from pipelines.io.kafka_heads import append_times
from pipelines.io.prometheus import Samples, endpoint, read_textfile, write_textfile
from schemas.errors import FeedwheelError, InfrastructureError
from schemas.tables import BronzeTable

_LOG: Final = logging.getLogger(__name__)
_LOOK_EVERY_S: Final = 5.0
"""More often than anybody scrapes; a look takes some 50 ms."""

PartitionLabels = tuple[str, str]
"""Topic and partition."""


class Watch:
    """Looks again and again, and keeps metrics up to date. Commits after the versions `since` are counted."""

    def __init__(self, context: Context, since: Mapping[BronzeTable, int]) -> None:
        self.metrics = IngestMetrics(BRONZE_TABLES)
        for name, version in since.items():  # whoever counts on begins there, though no look ever succeeds
            self.metrics.table_version.labels(name).set(version)
        self._context = context
        self._counted = dict(since)
        self._shown: dict[str, set[PartitionLabels]] = {}

    def look(self) -> None:
        """Count what was committed since the last look, and see what waits."""
        metrics = self.metrics
        for name in BRONZE_TABLES:
            self._count(name)
        if moved := as_of(self._context):
            metrics.as_of.set(moved.timestamp())
        try:
            # Tables first: their offsets only grow, so a lag below zero means that the log was cut.
            lags, oldest = self._waiting(read_progress(self._context.lake))
        except InfrastructureError as error:
            _LOG.debug("%s", error)  # whoever drains says so
            lags, oldest = {}, {}
            metrics.kafka_up.set(0)
        else:
            metrics.kafka_up.set(1)
        self._show(metrics.lag, "lag", lags)
        self._show(metrics.oldest, "oldest", oldest)

    def _count(self, name: BronzeTable) -> None:
        table = self._context.lake.open(name)
        if table.version() < self._counted[name]:
            self._counted[name] = -1  # it was made again
        for commit in commits_after(table, self._counted[name]).values():
            self._add(name, commit)
        self._counted[name] = table.version()
        self.metrics.table_version.labels(name).set(table.version())

    def _add(self, name: BronzeTable, commit: Mapping[str, Any]) -> None:
        metrics, counts = self.metrics, counts_of(commit)
        metrics.accepted.labels(name).inc(counts.accepted.total())
        for reason, count in counts.rejected.items():
            metrics.rejected.labels(name, reason).inc(count)
        metrics.bytes.labels(name).inc(counts.bytes)
        metrics.gaps.labels(name).inc(counts.gaps)
        metrics.lost.labels(name).inc(counts.lost)
        if OLDEST_KEY in commit:
            metrics.commit_delay.labels(name).observe(max(0.0, (commit["timestamp"] - int(commit[OLDEST_KEY])) / 1000))

    def _waiting(self, progress: TableProgress) -> tuple[dict[PartitionLabels, float], dict[PartitionLabels, float]]:
        """Lags, and when the oldest record of each lagging partition was appended."""
        lags, heads = dict[PartitionLabels, float](), dict[tuple[str, int], int]()
        for log in survey(self._context):
            known = progress[log.table].get(log.source)
            next_offset = log.bounds.begin if known is None else known.next
            lags[log.topic, str(log.source.partition)] = log.bounds.end - next_offset
            if next_offset < log.bounds.end:
                heads[log.topic, log.source.partition] = next_offset
        times = append_times(self._context.settings.kafka, heads)
        return lags, {(topic, str(number)): instant for (topic, number), instant in times.items()}

    def _show(self, gauge: Gauge, name: str, values: Mapping[PartitionLabels, float]) -> None:
        for gone in self._shown.get(name, set()) - values.keys():
            gauge.remove(*gone)
        for labels, value in values.items():
            gauge.labels(*labels).set(value)
        self._shown[name] = set(values)


def _versions(context: Context) -> dict[BronzeTable, int]:
    return {name: context.lake.open(name).version() for name in BRONZE_TABLES}


@contextmanager
def served(context: Context, port: int) -> Iterator[None]:
    """Answer Prometheus on a port while the block runs. Raises ConfigError if the port cannot be had."""
    watch, over = Watch(context, _versions(context)), threading.Event()

    def go_on() -> None:
        while not over.is_set():
            _look(watch)
            over.wait(_LOOK_EVERY_S)

    with endpoint(watch.metrics.registry, context.settings.metrics_host, port):
        thread = threading.Thread(target=go_on, name="feedwheel-metrics", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(_LOOK_EVERY_S)


@contextmanager
def written(context: Context) -> Iterator[None]:
    """Write the settings' textfile after the block, however it ends; without that setting, nothing."""
    path = context.settings.metrics_textfile
    if path is None:
        yield
        return
    COMMIT_SECONDS.clear()  # an earlier drain of this process has told of its own
    before = read_textfile(path)
    watch = Watch(context, _versions(context) | _counted(before))
    try:
        yield
    finally:
        _look(watch)
        _write(path, watch, before)


def _counted(before: Samples) -> dict[BronzeTable, int]:
    """Up to which version of each table the file's counts go."""
    known = ((name, ("feedwheel_ingest_table_version", (("table", name),))) for name in BRONZE_TABLES)
    return {name: int(before[key]) for name, key in known if key in before}


def _look(watch: Watch) -> None:
    """Metrics are no reason for ingest to end."""
    try:
        watch.look()
    except FeedwheelError as error:
        _LOG.warning("metrics: %s", error)
    except Exception as error:
        _LOG.warning("metrics: %s", type(error).__name__)


def _write(path: Path, watch: Watch, before: Samples) -> None:
    try:
        write_textfile(path, watch.metrics.registry, before)
    except OSError as error:
        _LOG.warning("metrics are not written to %s: %s", path, error.strerror)
