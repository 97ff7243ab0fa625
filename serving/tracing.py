"""Traces of answers by OpenTelemetry's conventions for generative AI, where an exporter is configured.

In: the headers of a request, and its answer once it is known. Out: a span for the answer with a child for each part of
its time: waiting and prompt, then decoding. No text of anybody is in a span. The standard `OTEL_EXPORTER_OTLP_ENDPOINT`
turns it on; without it nothing is imported.
"""

import os
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from serving.engine.job import Answer

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider

    from serving.api.exchange import Accepted

_VARIABLES: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_NANOSECONDS: Final = 1_000_000_000
_SEND_ON_STOP_S: Final = 3.0
"""A collector that is away would be tried for half a minute, and the process killed meanwhile."""


class Tracing:
    """Spans of one process; without a provider, nothing."""

    def __init__(self, provider: "TracerProvider | None" = None) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("feedwheel.serving") if provider else None
        self._epoch_ns = time.time_ns() - time.monotonic_ns()

    @classmethod
    def from_environment(cls, replica: str) -> "Tracing":
        """As OpenTelemetry's variables say."""
        if not any(os.environ.get(name) for name in _VARIABLES):
            return cls()
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        resource = Resource.create({"service.name": "feedwheel-serving", "service.instance.id": replica})
        provider = TracerProvider(resource=resource)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        return cls(provider)

    def caller(self, headers: Mapping[str, str]) -> "Context | None":
        """The span of whoever asks, by its `traceparent`."""
        if self._tracer is None:
            return None
        from opentelemetry.propagate import extract

        return extract(headers)

    def answered(self, caller: "Context | None", accepted: "Accepted", answer: Answer) -> None:
        """Record an answer that has ended; its times are those that the engine measured."""
        if self._tracer is None:
            return
        from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context

        span = self._tracer.start_span(
            f"chat {accepted.app}",
            caller,
            SpanKind.SERVER,
            _attributes(accepted, answer),
            start_time=self._at(answer.submitted_at),
        )
        if answer.finish_reason == "error":
            span.set_status(StatusCode.ERROR)
        within, first = set_span_in_context(span), answer.first_token_at
        parts = [("first token", answer.submitted_at, first or answer.finished_at)]
        parts += [("decoding", first, answer.finished_at)] if first else []
        for name, begins, ends in parts:
            self._tracer.start_span(name, within, start_time=self._at(begins)).end(self._at(ends))
        span.end(self._at(answer.finished_at))

    def _at(self, monotonic: float) -> int:
        """Nanoseconds since 1970 of an instant of `time.monotonic`."""
        return self._epoch_ns + int(monotonic * _NANOSECONDS)

    def close(self) -> None:
        """Send what waits; a collector that does not answer is not waited for."""
        if self._provider is not None:
            sending = threading.Thread(target=self._provider.shutdown, daemon=True)
            sending.start()
            sending.join(_SEND_ON_STOP_S)


def _attributes(accepted: "Accepted", answer: Answer) -> dict[str, Any]:
    model, sampling = accepted.assignment.model.ref, accepted.sampling
    found: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "feedwheel",
        "gen_ai.request.model": accepted.app,
        "gen_ai.response.model": f"{model.name}:{model.version}",
        "gen_ai.response.id": accepted.response_id,
        "gen_ai.conversation.id": accepted.conversation_id,
        "gen_ai.response.finish_reasons": [answer.finish_reason],
        "gen_ai.usage.input_tokens": answer.input_tokens,
        "gen_ai.usage.output_tokens": answer.output_tokens,
        "gen_ai.request.temperature": sampling.temperature,
        "gen_ai.request.top_p": sampling.top_p,
        "gen_ai.request.max_tokens": sampling.max_tokens,
        "gen_ai.request.seed": sampling.seed,
        "feedwheel.arm": accepted.assignment.arm,
        "feedwheel.release_id": accepted.assignment.release_id,
        "feedwheel.cached_tokens": answer.cached_tokens,
        "feedwheel.fallback": answer.fallback,
    }
    return {name: value for name, value in found.items() if value is not None}
