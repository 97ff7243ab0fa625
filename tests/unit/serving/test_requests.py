"""What requests may say and how they are refused, without a service: validation comes before it."""

import asyncio
import json
import logging

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from serving.api import chat, completions, openai_errors
from serving.api.requests import ChatRequest
from serving.logs import JsonFormatter
from tests import http_server
from tests.unit.serving.conftest import nested

ASK = {"model": "routing", "messages": [{"role": "user", "content": "Where is my card?"}]}


def request(**asked):
    return ChatRequest.model_validate({**ASK, **asked})


def tool(**function):
    return {"type": "function", "function": {"name": "find", **function}}


def test_null_is_what_is_not_said():
    asked = request(
        tools=[tool(strict=None, description=None, parameters=None)],
        stream=True,
        stream_options={"include_usage": None},
        parallel_tool_calls=None,
    )
    assert asked == request(tools=[tool()], stream=True, stream_options={})
    assert not asked.include_usage


def test_null_within_a_schema_is_somebodys_own():
    (wanted,) = request(tools=[tool(parameters={"const": None})]).callable_tools
    assert wanted.parameters == {"const": None}


@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 15))
def test_every_seed_is_one_that_can_be_drawn_with_and_remembered(seed, choice):
    drawn = request(seed=seed).sampling(100, choice).seed
    assert 0 <= drawn < 2**63
    np.random.default_rng(drawn)
    assert drawn == request(seed=seed).sampling(100, choice).seed
    assert seed < 0 or choice > 0 or drawn == seed


@pytest.mark.parametrize("seed", [-(2**63) - 1, 2**63])
def test_a_seed_beyond_64_bits_is_refused(seed):
    with pytest.raises(ValidationError):
        request(seed=seed)


@pytest.mark.parametrize(("given", "counts_as"), [(1e-320, 0), (9e-6, 0), (0, 0), (1e-5, 1e-5), (0.7, 0.7)])
def test_a_temperature_that_is_next_to_nothing_is_none(given, counts_as):
    assert request(temperature=given).sampling(100, 0).temperature == counts_as


@pytest.mark.parametrize("penalty", [1e-300, 0.009, 11])
def test_a_repetition_penalty_that_leaves_no_numbers_is_refused(penalty):
    assert request(repetition_penalty=0.01).repetition_penalty == 0.01
    with pytest.raises(ValidationError):
        request(repetition_penalty=penalty)


@pytest.fixture
def app():
    app = FastAPI()
    openai_errors.install(app)
    for part in (chat, completions):
        app.include_router(part.router)
    return app


@pytest.fixture
def send(app):
    """Send a request that is refused."""

    async def sent(method, path, content, headers):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://serving") as http:
            return await http.request(method, path, content=content, headers=headers)

    def send(method="POST", path="/v1/chat/completions", headers=None, **asked):
        given = {"content-type": "application/json", **(headers or {})}
        return asyncio.run(sent(method, path, json.dumps({**ASK, **asked}), given))

    return send


@pytest.mark.parametrize("schema", [{"const": "\ud800"}, {"\udfff": 1}, nested(60), nested(400)])
def test_a_schema_that_cannot_be_written_is_a_400_that_names_it(send, schema):
    asked = [
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}}, "schema"),
        ({"response_format": {"type": "json_object", "value": schema}}, "value"),
        ({"tools": [tool(parameters=schema)]}, "tools.0.function.parameters"),
    ]
    for each, name in asked:
        answer = send(**each)
        assert answer.status_code == 400
        assert answer.json()["error"]["param"].endswith(name)


@pytest.mark.parametrize("levels", [101, 3_000])
def test_a_call_that_is_sent_back_with_deep_arguments_is_a_400_that_names_it(send, levels):
    call = {"id": "a", "function": {"name": "f", "arguments": '{"a":' * levels + "1" + "}" * levels}}
    answer = send(messages=[{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": [call]}])
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "messages.1.tool_calls.0.function.arguments"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions"])
def test_a_bad_header_is_named(send, path):
    asked = {"messages": None, "prompt": "a"} if path == "/v1/completions" else {}
    answer = send(path=path, headers={"x-feedwheel-conversation": "xyzzy 4711"}, **asked)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, "x-feedwheel-conversation")
    assert error["message"].startswith("x-feedwheel-conversation: ")
    assert "xyzzy" not in answer.text


def test_a_wrong_method_is_told_which_is_allowed(send):
    answer = send("GET")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_what_nobody_expected_has_the_shape_of_errors_and_is_logged_without_its_text(app, caplog):
    @app.get("/broken")
    async def broken(said: str):
        try:
            raise KeyError(said)
        except KeyError as error:
            raise ValueError(said) from error

    with http_server.running(app) as url:
        answer = httpx.get(f"{url}/broken", params={"said": "xyzzy"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (500, "server_error")
    assert answer.json()["error"]["message"] == "the server failed on this request"
    logged = [JsonFormatter().format(record) for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(logged) == 1
    assert '"error":"ValueError"' in logged[0]
    assert "in broken" in logged[0]
    assert "xyzzy" not in logged[0] + answer.text
