"""How metrics reach Prometheus: an HTTP endpoint of this process, or a file for node_exporter's textfile collector.

In: a registry. Out: its metrics in Prometheus' text format. A file outlives the process that wrote it, and the next
one's counters go on where the last one's ended.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, start_http_server, write_to_textfile
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from schemas.errors import ConfigError

_CUMULATIVE: Final = ("counter", "histogram")
_CREATED: Final = "_created"
"""When a counter began, of which a file says nothing true."""

Samples = Mapping[tuple[str, tuple[tuple[str, str], ...]], float]
"""Values by name and labels."""


@contextmanager
def endpoint(registry: CollectorRegistry, host: str, port: int) -> Iterator[None]:
    """Answer GET http://host:port/metrics while the block runs. Raises ConfigError if the port cannot be had."""
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise ConfigError(f"metrics at {host}:{port}: {error.strerror}: choose another --metrics-port") from None
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def read_textfile(path: Path) -> Samples:
    """What a file says; nothing if it is not there, or is none of ours any more."""
    try:
        families = list(text_string_to_metric_families(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return {}
    return {(sample.name, _labels(sample.labels)): sample.value for family in families for sample in family.samples}


def write_textfile(path: Path, registry: CollectorRegistry, before: Samples) -> None:
    """Replace the file at once. Counts go on from `before`, all else is as it is now. Raises OSError."""
    continued = CollectorRegistry()
    continued.register(_Continued(registry, before))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_to_textfile(str(path), continued)


class _Continued(Collector):
    """A registry whose counters begin at earlier values."""

    def __init__(self, registry: CollectorRegistry, before: Samples) -> None:
        self._registry = registry
        self._before = before

    def collect(self) -> Iterable[Metric]:
        for family in self._registry.collect():
            yield self._continued(family)

    def _continued(self, family: Metric) -> Metric:
        whole = Metric(family.name, family.documentation, family.type)
        samples = [sample for sample in family.samples if not sample.name.endswith(_CREATED)]
        if family.type not in _CUMULATIVE:
            whole.samples = samples
            return whole
        names = {f"{family.name}{suffix}" for suffix in ("_total", "_bucket", "_sum", "_count")}
        values = {key: value for key, value in self._before.items() if key[0] in names}
        for sample in samples:
            key = (sample.name, _labels(sample.labels))
            values[key] = values.get(key, 0.0) + sample.value
        for (name, labels), value in values.items():
            whole.add_sample(name, dict(labels), value)
        return whole


def _labels(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))
