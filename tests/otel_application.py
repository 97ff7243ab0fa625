"""An application as its developers leave it: OpenAI's client, an instrumentation library, the SDK's own exporters.

Run as a process: libraries change the client and read their environment once. The environment says where telemetry
goes; the arguments are the module of the instrumentation and the address of the model.
"""

import importlib
import sys

from openai import OpenAI
from opentelemetry import _logs, trace
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

TOOL = {"type": "function", "function": {"name": "track", "parameters": {"type": "object"}}}


def main(instrumentation: str, model_url: str) -> None:
    tracers, loggers = TracerProvider(), LoggerProvider()
    tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    loggers.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    trace.set_tracer_provider(tracers)
    _logs.set_logger_provider(loggers)
    importlib.import_module(instrumentation).OpenAIInstrumentor().instrument()
    with OpenAI(base_url=model_url, api_key="k") as client:
        asked = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Where is my card?"}]
        client.chat.completions.create(model="gpt-x", messages=asked, user="ann")
        client.chat.completions.create(model="gpt-x", messages=asked, tools=[TOOL])
    loggers.shutdown()
    tracers.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
