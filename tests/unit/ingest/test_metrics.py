"""Metrics as Prometheus and node_exporter read them."""

import re

import httpx
import pytest
import yaml
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from pipelines.ingest.metrics import IngestMetrics
from pipelines.ingest.offsets import BRONZE_TABLES
from pipelines.io.prometheus import endpoint, read_textfile, write_textfile
from pipelines.settings import Settings
from pipelines.stack.paths import REPOSITORY
from schemas.errors import ConfigError
from tests.ports import free_port

ROW = re.compile(r"^\| `(feedwheel_ingest_\w+)` \| (\w+) \| ([\w, ]*?) ?\|", re.MULTILINE)


def exposed() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Type and labels of each metric, by name."""
    metrics = IngestMetrics(BRONZE_TABLES)
    found = {}
    for collector in metrics.registry._collector_to_names:
        (family,) = collector.describe()
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found[name] = (family.type, collector._labelnames)
    return found


def test_the_documentation_lists_every_metric_with_its_type_and_labels() -> None:
    text = (REPOSITORY / "docs" / "operating.md").read_text(encoding="utf-8")
    documented = {name: (kind, tuple(filter(None, labels.split(", ")))) for name, kind, labels in ROW.findall(text)}
    assert documented == exposed()


def test_alerts_name_metrics_that_exist() -> None:
    rules = yaml.safe_load((REPOSITORY / "infra" / "prometheus" / "ingest.rules.yml").read_text(encoding="utf-8"))
    expressions = " ".join(rule["expr"] for group in rules["groups"] for rule in group["rules"])
    named = {name.removesuffix("_bucket") for name in re.findall(r"feedwheel_\w+", expressions)}
    assert named
    assert named <= exposed().keys()


def test_counts_of_a_file_go_on_and_gauges_do_not(tmp_path) -> None:
    path = tmp_path / "metrics" / "ingest.prom"
    for accepted, lag, delay in ((3, 7, 0.5), (4, 0, 20.0)):
        registry = CollectorRegistry()
        Counter("accepted", "", ("table",), registry=registry).labels("a").inc(accepted)
        gauge = Gauge("lag", "", ("partition",), registry=registry)
        if lag:
            gauge.labels("0").set(lag)
        Histogram("delay", "", buckets=(1.0, 10.0), registry=registry).observe(delay)
        write_textfile(path, registry, read_textfile(path))
    samples = {(name, dict(labels).get("le")): value for (name, labels), value in read_textfile(path).items()}
    assert samples == {
        ("accepted_total", None): 7.0,
        ("delay_bucket", "1.0"): 1.0,
        ("delay_bucket", "10.0"): 1.0,
        ("delay_bucket", "+Inf"): 2.0,
        ("delay_count", None): 2.0,
        ("delay_sum", None): 20.5,
    }
    assert [each.name for each in path.parent.iterdir()] == ["ingest.prom"], "no half-written file is left"


def test_a_file_that_is_none_of_ours_counts_for_nothing(tmp_path) -> None:
    path = tmp_path / "ingest.prom"
    path.write_text("{not metrics", encoding="utf-8")
    assert read_textfile(path) == {}


def test_a_file_that_node_exporter_would_not_read_is_refused(monkeypatch) -> None:
    monkeypatch.setenv("FEEDWHEEL_METRICS_TEXTFILE", "metrics.txt")
    with pytest.raises(ConfigError, match=r"FEEDWHEEL_METRICS_TEXTFILE: .*must end in \.prom"):
        Settings.load()


def test_the_endpoint_answers_while_it_is_open_and_names_a_port_that_is_taken() -> None:
    registry, port = CollectorRegistry(), free_port()
    Gauge("lag", "", registry=registry).set(7)
    with endpoint(registry, "127.0.0.1", port):
        assert "lag 7.0" in httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
        with (
            pytest.raises(ConfigError, match=f"127.0.0.1:{port}: .*choose another --metrics-port"),
            endpoint(registry, "127.0.0.1", port),
        ):
            pass
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False)
