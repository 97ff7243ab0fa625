"""OTLP over HTTP by hand: encodings, answers, and what a 200 promises."""

import gzip
from typing import get_args

import msgspec
import pytest
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from feedback.capture.collector.otlp import encoding, genai, routes
from tests.collectors import make_key, stored
from tests.conftest import REPOSITORY
from tests.events import APP
from tests.otlp import CHAT, CONTENT, JUDGED, SPAN, TRACE, as_json, log, logs_request, span, traces_request

PROTOBUF = "application/x-protobuf"
LIKED = {**JUDGED, "gen_ai.evaluation.score.label": "good", "enduser.id": "ann"}
ANSWERED = {**CHAT, **CONTENT, "enduser.id": "ann"}


def post(http, path, body, media_type=PROTOBUF, **headers):
    content = body if isinstance(body, bytes) else body.SerializeToString()
    return http.post(path, content=content, headers={"content-type": media_type, **headers})


def answer_of(reply, message=ExportLogsServiceResponse):
    assert reply.headers["content-type"] == PROTOBUF
    return message.FromString(reply.content)


def test_logs_and_spans_are_on_disk_before_the_answer_and_known_afterwards(http, collector):
    told = logs_request(log(genai.INFERENCE, ANSWERED), log(genai.EVALUATION, LIKED), log("payment.done", {}))
    for _ in range(2):
        reply = post(http, "/v1/logs", told)
        assert reply.status_code == 200
        assert not answer_of(reply).HasField("partial_success")
        answered, liked = stored(collector)
    assert (answered["type"], answered["time"]) == ("feedwheel.generation.v1", "2026-01-05T12:00:00Z")
    assert answered["data"]["input"][0]["content"] == "Where is my card?"
    assert liked["data"]["response_id"] == answered["data"]["response_id"] == "chatcmpl-1"
    person = collector.settings.identity.person(APP, "ann", "")
    assert answered["data"]["user_key"] == liked["data"]["user_key"] == person.user_key
    assert "ann" not in str(stored(collector))
    assert post(http, "/v1/traces", traces_request(span({**ANSWERED, "gen_ai.response.id": "r2"}))).status_code == 200
    assert stored(collector)[2]["data"]["latency_ms"] == 1500.0


def test_json_says_the_same_as_protobuf(http, collector):
    request = traces_request(span({**CHAT, "gen_ai.response.id": ""}))
    told = as_json(request)
    assert TRACE.hex() in told.decode()
    reply = post(http, "/v1/traces", told, "application/json; charset=utf-8")
    assert (reply.status_code, reply.headers["content-type"], reply.json()) == (200, "application/json", {})
    assert post(http, "/v1/traces", request).status_code == 200
    (only,) = stored(collector)  # it is the same event
    assert only["data"]["response_id"] == f"{TRACE.hex()}-{SPAN.hex()}"
    shouted = told.replace(TRACE.hex().encode(), TRACE.hex().upper().encode())
    assert post(http, "/v1/traces", shouted, "application/json").status_code == 200
    assert len(stored(collector)) == 1


def test_an_answer_without_text_is_known_by_its_numbers(http, collector):
    posted = [log(genai.INFERENCE, {**CHAT, "gen_ai.response.id": f"r{n}", "enduser.id": "ann"}) for n in range(2)]
    post(http, "/v1/logs", logs_request(*posted))
    first, second = (event["data"] for event in stored(collector))
    assert (first["consent"], first["input"], first["output"]) == ("signal_only", [], None)
    assert first["output_tokens"] == 7
    assert first["request_hash"] == second["request_hash"] == ""  # so neither is taken for the other asked again
    assert first["conversation_id"] != second["conversation_id"]


def test_what_is_refused_is_counted_by_record_and_named(http, collector):
    bad = {**ANSWERED, "gen_ai.usage.input_tokens": "many"}
    unclear = {"gen_ai.evaluation.name": "Relevance", "gen_ai.evaluation.score.value": 1.0}
    records = [
        span(bad, (genai.EVALUATION, unclear)),
        span({**ANSWERED, "gen_ai.response.id": "r2"}),
        span({"http.request.method": "GET"}),
    ]
    partial = answer_of(post(http, "/v1/traces", traces_request(*records)), ExportTraceServiceResponse).partial_success
    assert partial.rejected_spans == 1
    assert "unknown_evaluator: only what a person says" in partial.error_message
    assert "contract: " in partial.error_message
    assert [event["data"]["response_id"] for event in stored(collector)] == ["r2"]
    reply = post(http, "/v1/logs", as_json(logs_request(log(genai.EVALUATION, unclear))), "application/json")
    assert reply.json()["partialSuccess"]["rejectedLogRecords"] == "1"
    metrics = http.get("/metrics").text
    assert f'feedwheel_collector_left_total{{app="{APP}",reason="not_gen_ai"}} 1.0' in metrics
    assert f'feedwheel_collector_events_total{{app="{APP}",outcome="unknown_evaluator"}} 2.0' in metrics


def test_metrics_are_counted_and_no_error(http, collector):
    told = ExportMetricsServiceRequest()
    told.resource_metrics.add().scope_metrics.add().metrics.add(name="http.server.request.duration")
    reply = post(http, "/v1/metrics", told)
    assert (reply.status_code, answer_of(reply, ExportMetricsServiceResponse)) == (200, ExportMetricsServiceResponse())
    assert stored(collector) == []
    assert f'feedwheel_collector_left_total{{app="{APP}",reason="metric"}} 1.0' in http.get("/metrics").text


def test_nothing_is_a_full_success(http):
    for body, media_type in ((b"", PROTOBUF), (b"{}", "application/json")):
        assert post(http, "/v1/logs", body, media_type).status_code == 200


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"\xff", PROTOBUF, 400),
        (b"\x0a\xff\xff\xff\xff\x0f", PROTOBUF, 400),  # a length of four gigabytes
        (b"\x0a" * 1000, PROTOBUF, 400),
        (b"", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"a":' * 100_000, "application/json", 400),
        (b'{"resourceLogs": 7}', "application/json", 400),
        (b'{"resourceLogs": [7]}', "application/json", 400),
        (b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"traceId": "xyz"}]}]}]}', "application/json", 400),
        (b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"timeUnixNano": "soon"}]}]}]}', "application/json", 400),
        (b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"timeUnixNano": -1}]}]}]}', "application/json", 400),
        (b'{"resourceLogs": "\xff"}', "application/json", 400),
        (b"{}", "text/plain", 415),
        (b"{}", "", 415),
    ],
)
def test_what_cannot_be_decoded_is_a_status(http, collector, body, media_type, status):
    reply = post(http, "/v1/logs", body, media_type)
    assert reply.status_code == status
    if media_type == PROTOBUF:
        told = answer_of(reply, Status)
        detail = BadRequest()
        assert told.details[0].Unpack(detail)
        assert detail.field_violations[0].description == told.message
    else:
        assert reply.json()["message"]
    assert stored(collector) == []


class TestGzip:
    def test_it_is_unpacked(self, http, collector):
        packed = gzip.compress(logs_request(log(genai.INFERENCE, ANSWERED)).SerializeToString())
        assert post(http, "/v1/logs", packed, **{"content-encoding": "gzip"}).status_code == 200
        assert len(stored(collector)) == 1

    # Named, and without the time of packing: every worker of the test runner must collect the same names.
    @pytest.mark.parametrize(
        "spoilt",
        [b"\x1f\x8b", gzip.compress(b"x", mtime=0)[:-3], b"x" + gzip.compress(b"x", mtime=0)],
        ids=["the beginning only", "cut short", "something before"],
    )
    def test_what_is_none_is_refused(self, http, spoilt):
        assert post(http, "/v1/logs", spoilt, **{"content-encoding": "gzip"}).status_code == 400

    def test_a_bomb_is_too_large(self, http):
        bomb = gzip.compress(bytes(50_000_000))
        assert len(bomb) < 60_000
        reply = post(http, "/v1/logs", bomb, **{"content-encoding": "gzip"})
        assert (reply.status_code, answer_of(reply, Status).message) == (
            413,
            "the body unpacks to more than 8000000 bytes",
        )

    def test_another_encoding_is_not_known(self, http):
        reply = post(http, "/v1/logs", b"", **{"content-encoding": "br"})
        assert (reply.status_code, reply.headers["content-type"]) == (415, PROTOBUF)


def test_what_is_too_large_is_said_in_the_encoding_of_the_request(http, monkeypatch):
    assert answer_of(post(http, "/v1/logs", bytes(8_000_001)), Status).message
    assert post(http, "/v1/logs", b" " * 8_000_001, "application/json").json()["message"]
    monkeypatch.setattr(routes, "MAX_RECORDS", 2)
    monkeypatch.setattr(encoding, "MAX_JSON_VALUES", 20)
    many = logs_request(*[log("", {}) for _ in range(3)])
    for body, media_type in ((many, PROTOBUF), (as_json(many), "application/json")):
        reply = post(http, "/v1/logs", body, media_type)
        assert reply.status_code == 413


def test_the_same_keys_and_rates_as_for_events(http, collector, home):
    told = logs_request(*[log(genai.INFERENCE, {**ANSWERED, "gen_ai.response.id": f"r{n}"}) for n in range(1500)])
    for header in ("", "Bearer x"):
        reply = post(http, "/v1/logs", told, authorization=header)
        assert (reply.status_code, bool(answer_of(reply, Status).message)) == (401, True)
    slow = f"Bearer {make_key(home, events_per_s=100)}"
    collector._refreshed = float("-inf")
    assert post(http, "/v1/logs", told, authorization=slow).status_code == 200  # a batch may overdraw once, whole
    assert len(stored(collector)) == 1500
    reply = post(http, "/v1/logs", told, authorization=slow)
    assert reply.status_code == 429
    assert int(reply.headers["Retry-After"]) >= 10
    assert answer_of(reply, Status).message == "this key may send 100 events/s"


def test_a_full_spool_says_when_to_come_back(http, collector):
    collector.spool._max_bytes = 100
    reply = post(http, "/v1/logs", logs_request(log(genai.INFERENCE, ANSWERED)))
    assert (reply.status_code, bool(answer_of(reply, Status).message)) == (503, True)
    assert int(reply.headers["Retry-After"]) > 0
    collector.spool._max_bytes = 10_000
    assert post(http, "/v1/logs", logs_request(log(genai.INFERENCE, ANSWERED))).status_code == 200
    assert len(stored(collector)) == 1


def test_the_guide_names_every_reason():
    guide = (REPOSITORY / "docs" / "capture.md").read_text(encoding="utf-8")
    for reason in (*get_args(genai.Unusable), *get_args(genai.Ignored)):
        assert f"`{reason}`" in guide
    assert f"more than {genai.MAX_CHOICES} answers" in guide
    assert f"{routes.MAX_RECORDS:,} records" in guide


def test_a_raw_event_may_withhold_its_text(http, collector):
    data = {"user": "ann", "model": "m", "messages": [{"role": "user", "content": "secret"}], "output": None}
    event = {"specversion": "1.0", "id": "1", "source": "shop", "type": "feedwheel.generation.v1", "data": data}
    assert http.post("/v1/events", content=msgspec.json.encode(event)).status_code == 202
    (only,) = stored(collector)
    assert (only["data"]["consent"], only["data"]["output"]) == ("signal_only", None)
    assert only["data"]["input"] == [{"role": "user", "content": None, "length": 6}]
    assert "secret" not in str(only)
