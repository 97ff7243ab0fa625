"""What operators see of answers: traces by OpenTelemetry's conventions, and figures of the service objective."""

import re
import time

import httpx
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from serving.engine.job import Answer
from serving.service import offline
from serving.tracing import Tracing
from tests.ports import free_port
from tests.served import APP, await_true, deployed, running, serving_settings
from tests.tiny_model import tiny_model_dir

ASK = {"model": APP, "messages": [{"role": "user", "content": "xyzzy where is my card?"}], "max_tokens": 5}
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    settings = {"serving_cost_per_hour": 2.0, "serving_objective_first_token_s": 60, "serving_objective_token_s": 60}
    with (
        deployed(tmp_path_factory.mktemp("home"), **settings) as (url, service),
        httpx.Client(base_url=url, timeout=30) as http,
    ):
        yield http, service


@pytest.fixture
def spans(process):
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    object.__setattr__(process[1], "tracing", Tracing(provider))
    yield exporter
    object.__setattr__(process[1], "tracing", Tracing())


def test_an_answer_is_a_span_of_its_callers_trace_without_its_text(process, spans):
    answer = process[0].post("/v1/chat/completions", json=ASK, headers={"traceparent": PARENT}).json()
    first, decoding, whole = spans.get_finished_spans()
    assert [first.name, decoding.name, whole.name] == ["first token", "decoding", f"chat {APP}"]
    assert f"{whole.context.trace_id:032x}-{whole.parent.span_id:016x}" == PARENT[3:-3]
    assert first.parent.span_id == decoding.parent.span_id == whole.context.span_id
    assert whole.start_time == first.start_time <= first.end_time <= decoding.start_time <= whole.end_time
    assert whole.attributes["gen_ai.usage.output_tokens"] == answer["usage"]["completion_tokens"]
    assert whole.attributes["gen_ai.response.id"] == answer["id"]
    assert whole.attributes["feedwheel.arm"] == "champion"
    assert "xyzzy" not in str([span.to_json() for span in spans.get_finished_spans()])


def test_a_failed_answer_is_a_failed_span(process, spans, monkeypatch):
    monkeypatch.setattr(process[1].lineup(APP).champion.batch.decoder, "decode", lambda *_: 1 / 0)
    assert process[0].post("/v1/chat/completions", json=ASK).status_code == 500
    *_, whole = spans.get_finished_spans()
    assert not whole.status.is_ok


def test_nothing_is_traced_where_no_exporter_is_named(monkeypatch):
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    tracing = Tracing.from_environment("serving-1")
    assert tracing.caller({"traceparent": PARENT}) is None
    tracing.close()


def test_a_collector_that_is_away_holds_no_process_up(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setattr("serving.tracing._SEND_ON_STOP_S", 0.2)
    tracing = Tracing.from_environment("serving-1")
    tracing._provider.get_tracer("test").start_span("one").end()
    began = time.monotonic()
    tracing.close()
    assert time.monotonic() - began < 3  # OpenTelemetry alone tries for ten seconds and more


def test_names_that_anybody_makes_up_are_not_counted_one_by_one(tmp_path):
    with running(offline(serving_settings(tmp_path), tiny_model_dir())) as url:
        for number in range(3):
            asked = {**ASK, "model": f"made-up-{number}"}
            httpx.post(f"{url}/v1/chat/completions", json=asked, timeout=30).raise_for_status()
        assert "made-up" not in httpx.get(f"{url}/metrics").text


def test_figures_of_the_objective_the_cache_and_the_cost(process):
    http, service = process
    for _ in range(2):
        http.post("/v1/chat/completions", json={**ASK, "max_tokens": 40}).raise_for_status()
    text = http.get("/metrics").text

    def value(name):
        return float(re.search(rf"(?m)^feedwheel_{re.escape(name)} (\S+)$", text)[1])

    assert value('objective_total{app="routing",outcome="met"}') >= 2
    assert value('tokens_total{app="routing",direction="cached"}') > 0
    assert value('time_per_token_seconds_count{app="routing",arm="champion"}') >= 2
    assert value('provider_in_use{model="tiny",provider="CPUExecutionProvider"}') == 1
    assert value("cost_per_million_tokens") > 0
    decoder = service.lineup(APP).champion.batch.decoder
    assert value('kv_cache_bytes{model="tiny",version="1"}') == decoder.cache.bytes
    assert http.get("/readyz").json()["models"][0]["kv_cache_bytes"] == decoder.cache.bytes
    # Two layers of keys and values, two heads of 16 numbers of 4 bytes, for every token of every row.
    assert decoder.cache.bytes == decoder.cache.rows * decoder.cache.context_tokens * 2 * 2 * 2 * 16 * 4


def test_an_answer_that_is_slower_than_promised_misses_the_objective(tmp_path):
    with deployed(tmp_path, serving_objective_token_s=1e-9) as (url, _):
        httpx.post(f"{url}/v1/chat/completions", json=ASK, timeout=30).raise_for_status()
        assert 'feedwheel_objective_total{app="routing",outcome="missed"} 1.0' in httpx.get(f"{url}/metrics").text


def test_who_leaves_has_met_nothing_and_missed_what_was_promised_before(tmp_path):
    with deployed(tmp_path, serving_objective_first_token_s=3.0) as (url, service):
        decoder = service.lineup(APP).champion.batch.decoder
        decode = decoder.decode
        decoder.decode = lambda *given: time.sleep(0.02) or decode(*given)
        asked = {**ASK, "max_tokens": 400, "ignore_eos": True}
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{url}/v1/chat/completions", json=asked, timeout=0.5)

        def counted():
            text = httpx.get(f"{url}/metrics").text
            return re.findall(r"(?m)^feedwheel_(?:objective_total|requests_total|latency_seconds_count)\{.*$", text)

        await_true(counted)
        assert counted() == ['feedwheel_requests_total{app="routing",arm="champion",outcome="cancelled"} 1.0']
        for waited_s, is_met in ((2.9, True), (3.1, False)):
            assert service.settings.meets_objective(Answer("", "cancelled", 5, 0, 0.0, None, waited_s)) == is_met
