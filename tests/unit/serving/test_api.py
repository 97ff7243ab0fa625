"""The HTTP surface on a real server, Kafka down: OpenAI's client, events on disk first, errors that echo nothing."""

import gc
import json
import re
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import get_args
from unittest.mock import patch

import httpx
import openai
import pytest
from feedwheel_capture.vocabulary import FeedbackKind

from feedback.split import is_gate_item
from serving.engine.errors import ProviderMissing
from serving.service import online
from serving.settings import ServingSettings
from tests.served import APP, await_true, deployed, events_of, serving_settings, spooled
from tests.tiny_model import tiny_model

SECRET = "xyzzy-4711"
ASK = {"model": APP, "messages": [{"role": "user", "content": "Where is my card?"}], "max_tokens": 8}


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    with deployed(tmp_path_factory.mktemp("home")) as (url, service):
        yield url, service


@pytest.fixture
def http(process):
    with httpx.Client(base_url=process[0], timeout=30) as client:
        yield client


@pytest.fixture
def service(process):
    return process[1]


@pytest.fixture
def client(process):
    with openai.OpenAI(base_url=f"{process[0]}/v1", api_key="unused", max_retries=0) as client:
        yield client


def test_openai_client_plain(client, service):
    answer = client.chat.completions.create(
        **ASK, user="person 1", store=True, metadata={"conversation_id": "c-1"}, seed=3, stop=["\n\n"], n=1
    )
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.model_extra["feedwheel"]["conversation_id"] == "c-1"
    events = events_of(service, answer.id)
    assert events["generation"]["data"]["output"] == answer.choices[0].message.content
    assert events["generation"]["subject"] == "c-1"
    assert events["generation"]["data"]["prompt_version"] == "route-1"
    assert [message["role"] for message in events["generation"]["data"]["input"]] == ["system", "user"]
    assert events["exposure"]["data"]["policy"] == answer.model_extra["feedwheel"]["exposure"]["policy"]
    assert "person 1" not in json.dumps(events)


def test_openai_client_stream(client, service):
    chunks = list(client.chat.completions.create(**ASK, stream=True, stream_options={"include_usage": True}))
    plain = client.chat.completions.create(**ASK)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == plain.choices[0].message.content
    assert len(chunks) > 4  # it came in pieces
    first, *others = [chunk.model_extra or {} for chunk in chunks]
    assert first["feedwheel"]["response_ids"] == [chunks[0].id]
    assert not any("feedwheel" in other for other in others)
    assert chunks[-1].choices == []
    assert chunks[-1].usage == plain.usage
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-2].choices[0].finish_reason == plain.choices[0].finish_reason
    assert events_of(service, chunks[0].id)["generation"]["data"]["output"] == text


def test_events_are_on_disk_before_the_stream_is_done(http, service, monkeypatch):
    """The recorder is held up: the text comes, the end does not."""
    held, released = threading.Event(), threading.Event()
    record = service.deployment.events._recorder.record

    def slowly(*given):
        held.set()
        assert released.wait(10)
        return record(*given)

    monkeypatch.setattr(service.deployment.events._recorder, "record", slowly)
    with http.stream("POST", "/v1/chat/completions", json={**ASK, "stream": True}) as response:
        lines = response.iter_lines()
        assert next(lines).startswith("data: ")
        assert held.wait(10)
        threading.Timer(0.3, released.set).start()
        rest = []
        for line in lines:
            rest.append((line, released.is_set()))
    assert ("data: [DONE]", True) in rest
    assert not any(early for line, early in rest if '"content"' in line and '"content":""' not in line)


def test_conversation_by_header_or_minted(http):
    named = http.post("/v1/chat/completions", json=ASK, headers={"X-Feedwheel-Conversation": "c-9"}).json()
    assert named["feedwheel"]["conversation_id"] == "c-9"
    minted = http.post("/v1/chat/completions", json=ASK).json()["feedwheel"]["conversation_id"]
    assert len(minted) == 36


def test_a_thread_is_named_by_its_hashes(http, service):
    first = http.post("/v1/chat/completions", json=ASK).json()
    said = {"role": "assistant", "content": first["choices"][0]["message"]["content"]}
    system = {"role": "system", "content": service.deployment.config.apps[APP].prompt}
    thread = [system, *ASK["messages"], said, {"role": "user", "content": "And now?"}]
    second = http.post("/v1/chat/completions", json={**ASK, "messages": thread}).json()
    before, after = (events_of(service, answer["id"])["generation"]["data"] for answer in (first, second))
    assert after["prefix_hash"] == before["thread_hash"]
    assert (before["turn"], after["turn"]) == (0, 1)
    assert [message["content"] for message in after["input"]] == ["And now?"]


def test_consent(http, service):
    nothing = http.post("/v1/chat/completions", json={**ASK, "store": False}).json()
    default = http.post("/v1/chat/completions", json=ASK).json()
    assert events_of(service, nothing["id"]) == {}
    assert events_of(service, default["id"])["generation"]["data"]["consent"] == "content"
    body = {"app": APP, "user": "p", "kind": "stop", "value": {}, "response_id": nothing["id"], "store": False}
    receipt = http.post("/v1/feedback", json=body)
    assert (receipt.status_code, receipt.json()["event_id"]) == (202, None)


def test_gate_items_are_drawn_before_there_is_an_answer(http, service):
    config = service.deployment.config
    policies = set()
    for number in range(25):
        body = {**ASK, "user": f"u{number}", "metadata": {"conversation_id": f"g{number}"}, "max_tokens": 1}
        answer = http.post("/v1/chat/completions", json=body).json()
        data = events_of(service, answer["id"])["exposure"]["data"]
        drawn = is_gate_item(data["split_bucket"], config.split.eval_share, f"g{number}", config.gate.item_share)
        assert (data["policy"] == "gate") == drawn
        assert answer["feedwheel"]["exposure"]["offered"] == data["offered"]
        policies.add(data["policy"])
    assert policies == {"gate", "normal"}


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"n": 17}, "n"),
        ({"top_logprobs": 2}, None),
        ({"frequency_penalty": 2.5}, "frequency_penalty"),
        ({"logit_bias": {SECRET: 1}}, None),
        ({"tool_choice": "required"}, None),
        ({"tools": [{"type": "function", "function": {"name": f"{SECRET} {SECRET}"}}]}, "tools.0.function.name"),
        ({"messages": [{"role": "assistant"}]}, "messages.0"),
        ({"messages": [{"role": "user", "tool_calls": [], "content": None}]}, "messages.0"),
        ({"response_format": {"type": SECRET}}, "response_format"),
        ({"temperature": 3}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": SECRET}]}]}, None),
        ({"messages": [{"role": SECRET, "content": "a"}]}, "messages.0.role"),
        ({"stream_options": {"include_usage": True}}, None),
        ({"metadata": {"conversation_id": f"{SECRET} {SECRET}"}}, "metadata.conversation_id"),
        ({"metadata": {"prompt_version": SECRET}}, "metadata.prompt_version"),
        ({f"{SECRET}?": 1}, None),
        ({"messages": [{"role": "user", "content": "x" * 3000}]}, "messages"),
    ],
)
def test_a_bad_chat_request_is_a_400_that_echoes_nothing(http, change, param):
    response = http.post("/v1/chat/completions", json={**ASK, **change})
    error = response.json()["error"]
    assert response.status_code == 400
    assert error["type"] == "invalid_request_error"
    assert param is None or error["param"] == param
    assert SECRET not in response.text


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{" + SECRET.encode(), 400),
        (b'{"model": "' + b"\xff" + b'"}', 400),
        (b"[" * 50_000, 400),
        (b'{"model": "a", "messages": [{"role": "user", "content": "\\ud800"}]}', 400),
        (b'"' + b"x" * 1_100_000 + b'"', 413),
    ],
)
def test_a_hostile_body_is_refused(http, body, status):
    response = http.post("/v1/chat/completions", content=body, headers={"Content-Type": "application/json"})
    assert (response.status_code, "error" in response.json()) == (status, True)
    assert SECRET not in response.text
    assert http.get("/readyz").status_code == 200


def test_unknown_names_are_404(http):
    assert http.post("/v1/chat/completions", json={**ASK, "model": SECRET}).json()["error"]["code"] == "model_not_found"
    unknown = http.get(f"/v1/rollout?app={SECRET}")
    assert (unknown.status_code, unknown.json()["error"]["param"]) == (404, "app")
    assert http.get("/v1/nothing").json()["error"]["type"] == "not_found_error"


FEEDBACK = {"app": APP, "user": "person 2", "response_id": "r-1"}
VALUES = {
    "thumbs": {"rating": 1, "scale": [-1, 1]},
    "rating": {"rating": 4, "scale": [1, 5]},
    "solved": {"rating": 1, "scale": [0, 1]},
    "nps": {"rating": 9, "scale": [0, 10]},
    "sentiment": {"rating": 0.5, "scale": [-1, 1]},
    "comparison": {"candidates": [{"response_id": "a", "position": 0}], "chosen": "a"},
    "graded_choice": {"grade": "upscale"},
    "action": {"action": "accept"},
    "conversation_length": {"number": 4},
    "diversity": {"number": 0.4},
    "session": {"measure": "duration_s", "number": 60},
    "edit": {"edited_output": "mail me at a.person@example.org"},
    "complaint": {"text": "no", "category": "wrong"},
}


@pytest.mark.parametrize("kind", get_args(FeedbackKind))
def test_feedback_of_every_kind(http, service, kind):
    response = http.post("/v1/feedback", json={**FEEDBACK, "kind": kind, "value": VALUES.get(kind, {})})
    assert response.status_code == 202, response.text
    (event,) = [event for event in spooled(service) if event["id"] == response.json()["event_id"]]
    assert event["data"]["feedback_id"] == response.json()["feedback_id"]
    assert event["data"]["kind"] == kind
    assert "person 2" not in json.dumps(event)
    assert "example.org" not in json.dumps(event)


def test_feedback_sent_again_is_the_same_event(http):
    body = {**FEEDBACK, "kind": "stop", "value": {}, "feedback_id": "f-1"}
    ids = [http.post("/v1/feedback", json={**body, **change}).json()["event_id"] for change in ({}, {}, {"user": "q"})]
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"kind": SECRET}, "kind"),
        ({"value": {"rating": 1}}, "value.scale"),
        ({"client_time": "0001-01-01T00:00:00+14:00"}, "client_time"),
        ({"client_time": "9999-12-31T23:59:59-14:00"}, "client_time"),
        ({"kind": "edit", "value": {}}, "value.edited_output"),
        ({"value": {"rating": 7, "scale": [1, 5]}}, "value.rating"),
        ({"value": {"rating": 1, "scale": [5, 1]}}, "value.scale"),
        ({"value": {"rating": SECRET, "scale": [1, 5]}}, "value.rating"),
        ({"value": {"colour": SECRET}}, "value.colour"),
        ({"response_id": None}, "response_id"),
        ({"response_id": f"a {SECRET}"}, "response_id"),
        ({"user": None}, "conversation_id"),
        ({"client_time": "2026-01-01T00:00:00"}, "client_time"),
        ({"dwell_ms": -1}, "dwell_ms"),
    ],
)
def test_wrong_feedback_is_a_422_that_names_the_field(http, change, param):
    response = http.post("/v1/feedback", json={**FEEDBACK, "kind": "thumbs", "value": VALUES["thumbs"], **change})
    assert (response.status_code, response.json()["error"]["param"]) == (422, param)
    assert SECRET not in response.text


@contextmanager
def slow_steps(service, seconds):
    """Every decoding step of the champion takes so long at least."""
    decoder = service.lineup(APP).champion.batch.decoder
    with patch.object(decoder, "decode", lambda *given: time.sleep(seconds) or type(decoder).decode(decoder, *given)):
        yield


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_frees_its_place(process, service, stream):
    body = {**ASK, "max_tokens": 80, "metadata": {"conversation_id": f"leaver-{stream}"}, "stream": stream}
    with slow_steps(service, 0.02), httpx.Client(base_url=process[0]) as leaver:
        if stream:
            with leaver.stream("POST", "/v1/chat/completions", json=body) as response:
                next(response.iter_lines())
        else:
            with pytest.raises(httpx.ReadTimeout):
                leaver.post("/v1/chat/completions", json=body, timeout=0.2)
        # All 80 tokens would take longer.
        await_true(lambda: about(service, f"leaver-{stream}"), timeout_s=1.5)
    (left,) = about(service, f"leaver-{stream}")
    assert left["finish_reason"] == "cancelled"
    assert left["output_tokens"] < 80


def about(service, conversation_id):
    return [event["data"] for event in spooled(service) if event.get("subject") == conversation_id]


def test_state_of_the_process(http, service):
    ready = http.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["status"] == "degraded"  # this deployment's Kafka is down
    assert ready.json()["models"][0]["providers"] == ["CPUExecutionProvider"]
    assert ready.json()["apps"][APP] == {"champion": "1", "challenger": None}
    assert ready.json()["kafka"] == {"publisher": False, "control_log": False}
    assert ready.json()["spool"]["records"] == service.deployment.spool.depth > 0
    assert http.get("/healthz").json() == {"status": "ok"}
    assert [model["id"] for model in http.get("/v1/models").json()["data"]] == [APP]
    metrics = http.get("/metrics").text
    assert 'feedwheel_requests_total{app="routing",arm="champion",outcome="length"}' in metrics
    assert 'feedwheel_kafka_up{use="publisher"} 0.0' in metrics
    rollout = http.get(f"/v1/rollout?app={APP}").json()
    assert (rollout["champion"]["version"], rollout["state"], rollout["release_id"]) == ("1", None, None)


def test_full_spool_answers_on_and_refuses_feedback(tmp_path):
    with deployed(tmp_path, serving_spool_bytes=3000) as (url, service), httpx.Client(base_url=url) as http:
        while not service.deployment.events.lost:
            assert http.post("/v1/chat/completions", json=ASK, timeout=30).status_code == 200
        refused = http.post("/v1/feedback", json={**FEEDBACK, "kind": "complaint", "value": {"text": "x" * 3000}})
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "spool_full")
        assert refused.headers["Retry-After"]
        assert http.post("/v1/chat/completions", json=ASK).status_code == 200
        lost = service.deployment.events.lost
        state = http.get("/readyz").json()
        assert (state["status"], state["spool"]["lost_events"]) == ("degraded", lost)
        # Room again: the gap goes first.
        spool = service.deployment.spool
        spool._max_bytes = 1_000_000
        assert http.post("/v1/chat/completions", json=ASK).status_code == 200
        assert service.deployment.events.lost == 0
        (gap,) = [event["data"] for event in spooled(service) if event["data"].get("action") == "gap"]
        assert (gap["lost"], gap["app"], gap["by"]) == (lost, APP, "serving-1")
        assert gap["since"] <= gap["until"]


def test_overload_is_a_429_with_a_time_to_come_back(tmp_path):
    with deployed(tmp_path, serving_rows=1, serving_max_waiting=4) as (url, service), slow_steps(service, 0.02):
        statuses = []

        def ask():
            response = httpx.post(f"{url}/v1/chat/completions", json=ASK, timeout=30)
            statuses.append((response.status_code, "Retry-After" in response.headers))

        askers = [threading.Thread(target=ask) for _ in range(9)]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
    assert set(statuses) == {(200, False), (429, True)}


def test_more_answers_than_may_wait_are_refused_before_any_begins(tmp_path):
    with deployed(tmp_path, serving_rows=2, serving_max_waiting=4) as (url, service):
        refused = httpx.post(f"{url}/v1/chat/completions", json={**ASK, "n": 16}, timeout=30)
        assert refused.status_code == 429
        assert "ask for fewer answers (`n`) at once: these are 16" in refused.json()["error"]["message"]
        assert httpx.post(f"{url}/v1/chat/completions", json={**ASK, "n": 4}, timeout=30).is_success
        counted = httpx.get(f"{url}/metrics").text
        assert 'feedwheel_refusals_total{app="routing",reason="full"} 1.0' in counted
        assert '"cancelled"' not in counted
        assert sum(event["type"].split(".")[1] == "generation" for event in spooled(service)) == 4


def test_who_cannot_be_answered_as_promised_is_refused_and_the_others_are(tmp_path):
    ask = {**ASK, "max_tokens": 10}
    with (
        deployed(tmp_path, serving_rows=1, serving_objective_first_token_s=1.5) as (url, service),
        httpx.Client(base_url=url, timeout=30) as http,
        slow_steps(service, 0.03),
    ):
        for _ in range(3):  # by which the batch learns that an answer takes .3 s
            assert http.post("/v1/chat/completions", json=ask).is_success
        judge = service.deployment.traffic.count
        with ThreadPoolExecutor(20) as crowd, patch.object(service.deployment.traffic, "count", wraps=judge) as judged:
            answers = list(crowd.map(lambda _: http.post("/v1/chat/completions", json=ask), range(20)))
        assert {answer.status_code for answer in answers} == {200, 429}
        assert all(1 <= int(one.headers["Retry-After"]) < 10 for one in answers if one.status_code == 429)
        text = http.get("/metrics").text
        refused = re.findall(r'(?m)^feedwheel_refusals_total\{app="routing",reason="(?:wait|late)"\} (\S+)$', text)
        assert sum(map(float, refused)) == sum(one.status_code == 429 for one in answers)
    # Who was let in and is late then is an error of nobody's model.
    assert judged.call_count == sum(answer.is_success for answer in answers)


@contextmanager
def uncollected(home):
    """A process whose models we replace, and where the collector of cycles does not run by itself."""
    with deployed(home) as (url, service), httpx.Client(base_url=url, timeout=30) as http:
        service.deployment.supervisor.close()
        gc.disable()
        try:
            yield http, service
        finally:
            gc.enable()


def replaced(service):
    """What is left of the model that answered, once another does."""
    left = weakref.ref(service.lineup(APP).champion.batch.decoder)
    assert service.deployment.supervisor._load_champion(APP, tiny_model("2"))
    return left


def test_a_replaced_model_leaves_memory_without_the_garbage_collector(tmp_path):
    with uncollected(tmp_path) as (http, service):
        for stream in (False, True):
            assert http.post("/v1/chat/completions", json={**ASK, "n": 2, "stream": stream}).is_success
        left = replaced(service)
        service.pool.keep([tiny_model("2")])
        await_true(lambda: left() is None, 10)


def test_nor_do_people_who_left_keep_a_replaced_model_in_memory(tmp_path):
    with uncollected(tmp_path) as (http, service):
        for _ in range(5):
            asked = {**ASK, "stream": True, "max_tokens": 400, "ignore_eos": True}
            with http.stream("POST", "/v1/chat/completions", json=asked) as answer:
                next(answer.iter_lines())
        left = replaced(service)
        await_true(lambda: service.pool.keep([tiny_model("2")]) or left() is None, 10)


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="there is a GPU")
def test_a_process_that_requires_a_gpu_does_not_start_without(monkeypatch, tmp_path):
    monkeypatch.setenv("REQUIRE_GPU", "1")
    assert ServingSettings.load().provider_wish == "cuda"
    with pytest.raises(ProviderMissing, match="CUDA"):
        online(serving_settings(tmp_path, require_gpu=True))
