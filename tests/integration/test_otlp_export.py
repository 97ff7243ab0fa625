"""OpenTelemetry's SDK and exporters, and libraries that instrument OpenAI's client, against a real collector."""

import os
import subprocess
import sys
import threading

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind

from feedback.capture.collector.app import create_app
from feedback.capture.collector.otlp import genai
from tests.collectors import make_key, open_collector, stored
from tests.conftest import REPOSITORY
from tests.http_server import running
from tests.openai_stub import ANSWER, openai_server
from tests.otlp import CHAT, CONTENT, JUDGED

pytestmark = pytest.mark.integration

ANSWERS = 700
"""More than an exporter sends at once."""


@pytest.fixture
def collector(tmp_path):
    return open_collector(tmp_path / "home")


@pytest.fixture
def headers(tmp_path):
    return {"Authorization": f"Bearer {make_key(tmp_path / 'home')}"}


def test_what_the_sdk_exports_is_stored_once(collector, headers):
    with running(create_app(collector)) as url:
        tracers, loggers = TracerProvider(), LoggerProvider()
        spans = OTLPSpanExporter(f"{url}/v1/traces", headers=headers, compression=Compression.Gzip)
        tracers.add_span_processor(BatchSpanProcessor(spans))
        loggers.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(f"{url}/v1/logs", headers=headers)))
        tracer, logger = tracers.get_tracer("app"), loggers.get_logger("app")
        liked = {**JUDGED, "gen_ai.evaluation.score.label": "good", "user.id": "ann"}
        for number in range(ANSWERS):
            with tracer.start_as_current_span("POST /ask", kind=SpanKind.SERVER):
                about = {**CHAT, "gen_ai.response.id": f"r{number}", "user.id": "ann"}
                with tracer.start_as_current_span("chat gpt-x", kind=SpanKind.CLIENT, attributes=about) as span:
                    span.add_event(genai.INFERENCE, CONTENT)
                logger.emit(event_name=genai.EVALUATION, attributes={**liked, "gen_ai.response.id": f"r{number}"})
        tracers.force_flush()
        loggers.force_flush()
        events = stored(collector)
        tracers.shutdown()
        loggers.shutdown()
    answers, feedback = ([event["data"] for event in events if kind in event["type"]] for kind in ("gener", "feedback"))
    assert {answer["response_id"] for answer in answers} == {f"r{number}" for number in range(ANSWERS)}
    assert {said["response_id"] for said in feedback} == {f"r{number}" for number in range(ANSWERS)}
    assert len(events) == len({event["id"] for event in events}) == 2 * ANSWERS
    assert {answer["output"] for answer in answers} == {"On its way."}
    assert all(answer["latency_ms"] > 0 for answer in answers)


def test_an_exporter_that_finds_the_spool_full_comes_back(collector, headers):
    collector.spool._max_bytes, enough = 100, collector.spool._max_bytes
    with running(create_app(collector)) as url:
        tracers = TracerProvider()
        tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{url}/v1/traces", headers=headers)))
        with tracers.get_tracer("app").start_as_current_span("chat", kind=SpanKind.CLIENT, attributes=CHAT):
            pass
        mended = threading.Timer(1.0, lambda: setattr(collector.spool, "_max_bytes", enough))
        mended.start()
        tracers.force_flush()
        tracers.shutdown()
        assert [event["data"]["response_id"] for event in stored(collector)] == ["chatcmpl-1"]


@pytest.mark.parametrize(
    ("instrumentation", "environment"),
    [
        (
            "opentelemetry.instrumentation.genai.openai",
            {
                "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
                "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "span_and_event",
            },
        ),
        ("opentelemetry.instrumentation.openai", {}),
    ],
)
def test_an_instrumented_application_as_it_is(collector, headers, instrumentation, environment):
    with running(create_app(collector)) as url, openai_server() as model:
        given = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": url,
            "OTEL_EXPORTER_OTLP_HEADERS": f"authorization={headers['Authorization'].replace(' ', '%20')}",
            "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "feedback/capture/client")]),
            **environment,
        }
        command = [sys.executable, REPOSITORY / "tests" / "otel_application.py", instrumentation, model]
        done = subprocess.run(command, env={**os.environ, **given}, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        assert "Failed to export" not in done.stderr
        answers = [event["data"] for event in stored(collector)]
    plain = [answer for answer in answers if not answer.get("tool_calls")]
    with_tool = [answer for answer in answers if answer.get("tool_calls")]
    assert plain
    assert with_tool
    for answer in answers:
        texts = [(message["role"], message["content"]) for message in answer["input"]]
        assert texts == [("system", "Be kind."), ("user", "Where is my card?")]
        assert (answer["model"], answer["model_version"]) == ("gpt-x", "gpt-x-2026")
        assert (answer["input_tokens"], answer["output_tokens"]) == (11, 7)
    assert {answer["output"] for answer in plain} == {ANSWER}
    assert {(call["name"], call["arguments"]) for answer in with_tool for call in answer["tool_calls"]} == {
        ("track", '{"card":1}')
    }
