"""The collector's OpenAPI document says what its routes do."""

from typing import get_args

import jsonschema
import msgspec
import pytest
from feedwheel_capture.catalogue import EVENT_TYPES
from feedwheel_capture.events import REQUIRED_VALUES, encode
from feedwheel_capture.recorder import make_event
from feedwheel_capture.vocabulary import FeedbackKind

from feedback.capture.collector.intake import RefusalReason
from tests.collectors import NOW, stored
from tests.events import exposure, feedback, generation

ROUTES = {
    ("post", "/v1/events"),
    ("post", "/v1/feedback"),
    ("post", "/f/{token}"),
    ("post", "/v1/logs"),
    ("post", "/v1/traces"),
    ("post", "/v1/metrics"),
    ("get", "/healthz"),
    ("get", "/readyz"),
    ("get", "/metrics"),
}


@pytest.fixture
def document(http):
    return http.get("/openapi.json").json()


def schema_of(document, name):
    """A component that can be used by itself."""
    text = msgspec.json.encode({**document["components"]["schemas"][name], "components": document["components"]})
    return msgspec.json.decode(text)


def is_valid(document, name, value):
    return jsonschema.Draft202012Validator(schema_of(document, name)).is_valid(value)


def test_every_route_is_described(document):
    for method, path in ROUTES:
        operation = document["paths"][path][method]
        assert operation["responses"]
        for answer in operation["responses"].values():
            assert all(held["schema"] for held in answer["content"].values()), (path, answer)
        assert ("requestBody" in operation) == (method == "post")
        assert ("security" in operation) == path.startswith("/v1/")
    for name in document["components"]["schemas"]:
        jsonschema.Draft202012Validator.check_schema(schema_of(document, name))
    assert "HTTPValidationError" not in str(document)


def test_every_type_that_is_taken_is_there_and_no_other(document):
    taken = {entry.versioned_name for entry in EVENT_TYPES}
    schemas = document["components"]["schemas"]
    assert {name for name in schemas if name.startswith("feedwheel.")} == {
        *taken,
        *(f"{name}.raw" for name in taken - {"feedwheel.exposure.v1", "feedwheel.control.v1"}),
    }
    assert "Gap" in schemas
    assert not {"Baseline", "Proposal", "Decision"} & schemas.keys()


def test_every_reason_is_there(document):
    reasons = {reason for part in get_args(RefusalReason) for reason in get_args(part)}
    rejected = document["components"]["schemas"]["Stored"]["properties"]["rejected"]["items"]
    assert set(rejected["properties"]["reason"]["enum"]) == reasons


FULL = {
    "rating": 1.0, "scale": [-1.0, 1.0], "text": "t", "edited_output": "e", "category": "wrong", "candidates": [],
    "chosen": "r", "grade": "upscale", "action": "buy", "measure": "duration_s", "number": 3.0,
}  # fmt: skip


@pytest.mark.parametrize("kind", get_args(FeedbackKind))
def test_every_kind_is_described_as_it_is_taken(http, document, kind):
    fields = REQUIRED_VALUES.get(kind, ())
    values = [FULL, None, {name: FULL[name] for name in fields}, *({**FULL, name: None} for name in fields)]
    for value in values:
        said = {"kind": kind, "value": value, "response_id": "r1"}
        taken = http.post("/v1/feedback", json=said).status_code == 202
        assert is_valid(document, "RawFeedback", said) == taken
        assert is_valid(document, "LinkFeedback", {"kind": kind, "value": value}) == taken
        event = {"source": "s", "type": "feedwheel.feedback.v1", "data": said}
        assert is_valid(document, "Event", event) == taken
    assert not is_valid(document, "LinkFeedback", {"kind": kind, "value": None, "response_id": "r1"})
    assert not is_valid(document, "RawFeedback", {"kind": kind, "value": None})


def test_events_as_the_client_sends_them_are_what_is_described(document):
    for data in (generation("r1"), feedback(), exposure()):
        event = msgspec.json.decode(encode(make_event(data, "app", NOW)))
        assert is_valid(document, "Event", event)
        assert not is_valid(document, "Event", {**event, "type": "feedwheel.control.v1"})


RAW_ANSWER = {
    "user": "ann", "consent": "content", "messages": [{"role": "user", "content": "hi"}], "output": "Hello.",
    "model": "m", "model_version": "m-2", "response_id": "r1", "request_id": "q1", "conversation_id": "c1",
    "arm": "challenger", "release_id": "l1", "prompt_version": "p1", "finish_reason": "length", "input_tokens": 3,
    "output_tokens": 4, "latency_ms": 1.5, "time_to_first_token_ms": 0.5, "parent_response_id": "r0", "cached": True,
    "retrieved_document_ids": ["d1"], "tool_calls": [{"name": "t", "arguments": "{}"}], "locale": "en",
    "guarded": [{"rule": "toxicity", "action": "retried", "is_input": False}], "fallback": "cached",
    "sampling": {
        "temperature": 0.5, "top_p": 0.9, "max_tokens": 7, "seed": 1, "top_k": 40, "min_p": 0.1,
        "repetition_penalty": 1.1, "frequency_penalty": 0.5, "presence_penalty": 0.5, "response_format": "text",
    },
}  # fmt: skip


def test_every_field_of_a_raw_answer_is_kept(http, collector, document):
    described = document["components"]["schemas"]["feedwheel.generation.v1.raw"]["properties"]["data"]["properties"]
    assert set(described) == set(RAW_ANSWER)
    event = {"specversion": "1.0", "source": "s", "type": "feedwheel.generation.v1", "data": RAW_ANSWER}
    assert is_valid(document, "Event", event)
    assert http.post("/v1/events", json=event).json()["stored"] == 1
    (only,) = stored(collector)
    assert {name: only["data"][name] for name in RAW_ANSWER.keys() - {"user", "messages"}} == {
        name: value for name, value in RAW_ANSWER.items() if name not in ("user", "messages")
    }
