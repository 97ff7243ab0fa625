"""OpenAI's own client, wrapped: the application sees what it always saw, and every completion is recorded."""

import asyncio
from types import SimpleNamespace

import openai
import pytest
from feedwheel_capture.openai import _tell_once

from tests.openai_stub import ANSWER, openai_server
from tests.unit.capture.test_client import ASKED, make, written  # noqa: F401 - a fixture


@pytest.fixture(scope="module")
def url():
    with openai_server() as base_url:
        yield base_url


@pytest.fixture
def client(url, make):  # noqa: F811 - the fixture
    with openai.OpenAI(base_url=url, api_key="k", max_retries=0) as plain:
        yield make().wrap(plain)


def ask(client, **request):
    return client.chat.completions.create(model="gpt-x", messages=ASKED, user="ann", **request)


def only(tmp_path):
    (event,) = written(tmp_path)
    return event["data"]


def test_a_completion_is_recorded_under_its_own_id(client, tmp_path):
    answer = ask(client, metadata={"conversation_id": "c-1"})
    assert (answer.id, answer.choices[0].message.content) == ("chatcmpl-1", ANSWER)
    data = only(tmp_path)
    assert (data["response_id"], data["conversation_id"], data["output"]) == ("chatcmpl-1", "c-1", ANSWER)
    assert (data["model"], data["model_version"], data["finish_reason"]) == ("gpt-x", "gpt-x-2026", "stop")
    assert (data["input_tokens"], data["output_tokens"]) == (11, 7)
    assert data["latency_ms"] > 0


def test_a_stream_is_recorded_when_it_ends(client, tmp_path):
    chunks = list(ask(client, stream=True, stream_options={"include_usage": True}))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == ANSWER
    data = only(tmp_path)
    assert (data["output"], data["finish_reason"], data["output_tokens"]) == (ANSWER, "stop", 7)
    assert 0 < data["time_to_first_token_ms"] <= data["latency_ms"]


@pytest.mark.parametrize("leave", ["break", "close", "with"])
def test_a_stream_that_is_left_is_a_stop(client, tmp_path, leave):
    if leave == "with":
        with ask(client, stream=True) as stream:
            next(iter(stream))
    else:
        stream = ask(client, stream=True)
        for _ in stream:
            break
        if leave == "close":
            stream.close()
        del _
    del stream
    data = only(tmp_path)
    assert (data["finish_reason"], data["output"]) == ("cancelled", "Your ")


def test_what_the_client_raises_it_still_raises_and_it_is_recorded(client, tmp_path):
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="gpt-x", messages=[{"role": "user", "content": "fail"}])
    assert only(tmp_path)["finish_reason"] == "error"


def test_every_choice_is_an_answer_and_tools_are_named(client, tmp_path):
    ask(client, n=2, tools=[{"type": "function", "function": {"name": "track"}}])
    one, other = (event["data"] for event in written(tmp_path))
    assert (one["response_id"], other["response_id"]) == ("chatcmpl-1", "chatcmpl-1/1")
    assert one["tool_calls"] == [{"name": "track", "arguments": '{"card": 1}'}]
    assert one["conversation_id"] == other["conversation_id"]


def test_wrapping_twice_records_once(client, make, tmp_path):  # noqa: F811 - the fixture
    make().wrap(client)
    ask(client)
    assert only(tmp_path)["output"] == ANSWER


@pytest.mark.parametrize("copied", ["with_options", "copy"])
def test_a_copy_with_other_options_records_too(client, tmp_path, copied):
    ask(getattr(getattr(client, copied)(timeout=5), copied)(max_retries=1))
    assert only(tmp_path)["output"] == ANSWER


def test_a_parsed_completion_is_recorded(client, tmp_path):
    completion = client.chat.completions.parse(model="gpt-x", messages=ASKED, user="ann")
    assert completion.choices[0].message.content == ANSWER
    assert only(tmp_path)["output"] == ANSWER


def test_the_events_of_a_stream_are_recorded_once(client, tmp_path):
    with client.chat.completions.stream(model="gpt-x", messages=ASKED, user="ann") as stream:
        assert stream.get_final_completion().choices[0].message.content == ANSWER
    data = only(tmp_path)
    assert (data["output"], data["finish_reason"]) == (ANSWER, "stop")


@pytest.mark.parametrize("stream", [False, True])
def test_calls_of_other_kinds_work_and_are_said_once_not_to_be_recorded(client, tmp_path, caplog, stream):
    _tell_once.cache_clear()
    for _ in range(2):
        raw = client.chat.completions.with_raw_response.create(model="gpt-x", messages=ASKED, stream=stream)
        assert (list if stream else dict)(raw.parse())
        with client.chat.completions.with_streaming_response.create(model="gpt-x", messages=ASKED) as raw:
            assert raw.json()["object"] == "chat.completion"
        assert client.responses.create(model="gpt-x", input="Where is my card?").id
    said = [record.getMessage() for record in caplog.records if record.name == "feedwheel_capture.openai"]
    assert [message.partition(" are not recorded")[0] for message in said] == [
        "calls of OpenAI's with_raw_response and with_streaming_response",
        "calls of OpenAI's responses",
    ]
    assert written(tmp_path) == []


def test_the_asynchronous_client(url, make, tmp_path):  # noqa: F811 - the fixture
    async def talk():
        async with openai.AsyncOpenAI(base_url=url, api_key="k", max_retries=0) as plain:
            client = make().wrap(plain)
            answer = await ask(client.with_options(timeout=5))
            pieces = [chunk.choices[0].delta.content or "" async for chunk in await ask(client, stream=True)]
            async with await ask(client, stream=True) as left:
                await anext(aiter(left))
            return answer.choices[0].message.content, "".join(pieces)

    assert asyncio.run(talk()) == (ANSWER, ANSWER)
    reasons = [event["data"]["finish_reason"] for event in written(tmp_path)]
    assert reasons == ["stop", "stop", "cancelled"]


@pytest.mark.parametrize("stream", [False, True])
def test_whoever_waits_for_it_is_cancelled(make, tmp_path, stream):  # noqa: F811 - the fixture
    async def never(**_):
        if not stream:
            await asyncio.sleep(60)

        async def chunks():
            await asyncio.sleep(60)
            yield

        return chunks()

    async def talk():
        completions = SimpleNamespace(create=never)
        client = make().wrap(SimpleNamespace(chat=SimpleNamespace(completions=completions)))

        async def wait():
            async for _ in await ask(client, stream=stream):
                pass

        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0.05)
        waiting.cancel()
        await asyncio.wait([waiting])

    asyncio.run(talk())
    assert only(tmp_path)["finish_reason"] == "cancelled"


def test_capture_that_breaks_breaks_no_answer(url, make):  # noqa: F811 - the fixture
    capture = make(raise_errors=False)
    capture._outbox.record = lambda *_: 1 / 0
    with openai.OpenAI(base_url=url, api_key="k", max_retries=0) as plain:
        client = capture.wrap(plain)
        assert ask(client).choices[0].message.content == ANSWER
        assert len(list(ask(client, stream=True))) == 7
    assert capture.stats.errors == 2
