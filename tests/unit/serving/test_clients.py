"""Clients that are not OpenAI's, as they come: Hugging Face's, and LangChain's, with what their users ask of them."""

import json
from typing import Literal

import jsonschema
import pytest
from huggingface_hub import ChatCompletionInputResponseFormatJSONSchema, InferenceClient
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

from tests.served import APP, deployed

QUESTION = "Where is my card?"
ROUTE = {
    "type": "object",
    "properties": {"topic": {"enum": ["card arrival", "lost card"]}},
    "required": ["topic"],
    "additionalProperties": False,
}
TOOLS = [{"type": "function", "function": {"name": "route", "description": "Route it.", "parameters": ROUTE}}]


class Route(BaseModel, extra="forbid"):
    """Where a message goes."""

    topic: Literal["card arrival", "lost card"]


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with deployed(tmp_path_factory.mktemp("home")) as (url, _):
        yield f"{url}/v1"


@pytest.fixture(scope="module")
def hugging_face(url):
    with InferenceClient(base_url=url, api_key="unused") as client:
        asked = {"model": APP, "messages": [{"role": "user", "content": QUESTION}], "max_tokens": 100}
        yield lambda **given: client.chat_completion(**{**asked, **given})


@pytest.fixture(scope="module")
def lang_chain(url):
    return ChatOpenAI(base_url=url, api_key="unused", model=APP, max_tokens=100, max_retries=0)


def test_hugging_face_plain_and_streamed(hugging_face):
    plain = hugging_face(max_tokens=8, logprobs=True, top_logprobs=2)
    assert plain.choices[0].finish_reason in ("stop", "length")
    assert plain.usage.completion_tokens == len(plain.choices[0].logprobs.content) == 8
    chunks = list(hugging_face(max_tokens=8, stream=True, stream_options={"include_usage": True}))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == plain.choices[0].message.content
    assert chunks[-1].usage.total_tokens == plain.usage.total_tokens


def test_hugging_face_tools_and_schemas(hugging_face):
    said = hugging_face(tools=TOOLS, tool_choice="required").choices[0]
    (call,) = said.message.tool_calls
    jsonschema.validate(json.loads(call.function.arguments), ROUTE)
    assert said.finish_reason == "tool_calls"
    thread = [
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call.id, "content": "It is on its way."},
    ]
    assert hugging_face(messages=thread, tools=TOOLS).choices[0].message.content
    schema = ChatCompletionInputResponseFormatJSONSchema(
        type="json_schema", json_schema={"name": "route", "schema": ROUTE, "strict": True}
    )
    jsonschema.validate(json.loads(hugging_face(response_format=schema).choices[0].message.content), ROUTE)


def test_lang_chain_plain_and_streamed(lang_chain):
    plain = lang_chain.invoke(QUESTION)
    pieces = list(lang_chain.stream(QUESTION))
    assert "".join(piece.content for piece in pieces) == plain.content
    assert len(pieces) > 4
    assert plain.usage_metadata["total_tokens"] > plain.usage_metadata["output_tokens"] > 0


def test_lang_chain_tools_and_schemas(lang_chain):
    calling = lang_chain.bind_tools([Route], tool_choice="any")
    answer = calling.invoke(QUESTION)
    (call,) = answer.tool_calls
    assert Route(**call["args"])
    thread = [HumanMessage(QUESTION), answer, ToolMessage("It is on its way.", tool_call_id=call["id"])]
    assert isinstance(lang_chain.bind_tools([Route]).invoke(thread), AIMessage)
    streamed = [chunk for piece in calling.stream(QUESTION) for chunk in piece.tool_call_chunks]
    assert json.loads("".join(chunk["args"] for chunk in streamed)) == call["args"]
    for method in ("json_schema", "function_calling"):
        assert isinstance(lang_chain.with_structured_output(Route, method=method).invoke(QUESTION), Route)
