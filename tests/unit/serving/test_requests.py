"""What requests may say and how they are refused, without a service: validation comes before it."""

import asyncio
import json

import httpx
import pytest
from fastapi import FastAPI

from serving.api import chat, completions, openai_errors
from serving.api.requests import ChatRequest

ASK = {"model": "routing", "messages": [{"role": "user", "content": "Where is my card?"}]}


def request(**asked):
    return ChatRequest.model_validate({**ASK, **asked})


def tool(**function):
    return {"type": "function", "function": {"name": "find", **function}}


def nested(levels):
    schema = {"type": "integer"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


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
