"""What operators watch: Prometheus metrics of one serving process."""

import time
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS: Final = (0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 6.0, 15.0, 60.0)
_TOKEN_SECONDS: Final = (0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6)
_ROWS: Final = (1, 2, 4, 8, 12, 16, 24, 32, 64)


class Metrics:
    """One registry, so that two processes in one test do not share counts."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._began = time.monotonic()
        # Counted as it happens.
        self.requests = self._counter("requests", "Answers by outcome", "app", "arm", "outcome")
        self.refusals = self._counter("refusals", "Requests that might not wait, or no longer", "app", "reason")
        self.tokens = self._counter("tokens", "Tokens by direction", "app", "direction")
        self.feedback = self._counter("feedback", "Feedback by kind and outcome", "app", "kind", "outcome")
        self.guardrails = self._counter("guardrails", "Guardrails that acted", "app", "rule", "action", "side")
        self.fallbacks = self._counter("fallbacks", "Answers from elsewhere, by whose", "app", "fallback")
        self.shadow = self._counter("shadow", "Requests drawn for a model in the shadow, by outcome", "app", "outcome")
        self.disputed = self._counter(
            "disputed_refusals", "Withheld answers that people said were wrong", "app", "rule"
        )
        self.latency = self._histogram("latency_seconds", "Submission to last token", _SECONDS, "app", "arm")
        self.first_token = self._histogram(
            "time_to_first_token_seconds", "Submission to first token", _SECONDS, "app", "arm"
        )
        self.per_token = self._histogram("time_per_token_seconds", "Between tokens", _TOKEN_SECONDS, "app", "arm")
        self.objective = self._counter(
            "objective", "Answers that met the service objective, or missed it", "app", "outcome"
        )
        self.rows = self._histogram("batch_rows", "Rows of a decoding step", _ROWS)
        # Read when they are asked for.
        self.waiting = self._gauge("waiting_requests", "Requests without a row")
        self.running = self._gauge("running_requests", "Requests with a row")
        self.cache_bytes = self._gauge("kv_cache_bytes", "What the KV cache of a model may grow to", "model", "version")
        self.provider = self._gauge(
            "provider_in_use", "1 for the execution provider that runs a model", "model", "provider"
        )
        self.cost = self._gauge("cost_per_million_tokens", "Cost of this process so far by a million output tokens")
        self.spool_records = self._gauge("spool_records", "Events not yet in Kafka")
        self.spool_fill = self._gauge("spool_fill_ratio", "Share of the spool in use")
        self.lost_events = self._gauge("lost_events", "Events of gaps not yet recorded")
        self.kafka = self._gauge("kafka_up", "1 where Kafka answers", "use")
        self.models = self._gauge("model_loaded", "1 for each loaded model", "model", "version")
        self.switches = self._gauge("champion_switches", "Champions put into force by this process")
        self.rollout = self._gauge("rollout_state", "1 for the present state", "app", "state")

    @property
    def uptime_s(self) -> float:
        """Since the process began to count."""
        return time.monotonic() - self._began

    @property
    def output_tokens(self) -> float:
        """Of all answers."""
        samples = (sample for metric in self.tokens.collect() for sample in metric.samples)
        return sum(one.value for one in samples if one.name.endswith("_total") and one.labels["direction"] == "output")

    def render(self) -> bytes:
        """The text that Prometheus scrapes."""
        return generate_latest(self._registry)

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(f"feedwheel_{name}", what, labels, registry=self._registry)

    def _gauge(self, name: str, what: str, *labels: str) -> Gauge:
        return Gauge(f"feedwheel_{name}", what, labels, registry=self._registry)

    def _histogram(self, name: str, what: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"feedwheel_{name}", what, labels, buckets=buckets, registry=self._registry)
