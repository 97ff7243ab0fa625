"""What a request may ask of an answer, by OpenAI's client: its form, its tokens, its tools, and several at once."""

import asyncio
import json
from collections import defaultdict

import jsonschema
import numpy as np
import openai
import pytest

from serving.api.chat import ChatShape
from serving.engine.chat import ChatFormat, ChatMessage
from serving.engine.sampling import Sampler
from tests.served import APP, deployed, events_of

ASK = {"model": APP, "messages": [{"role": "user", "content": "Where is my card?"}], "max_tokens": 12}
ROUTE = {
    "type": "object",
    "properties": {"topic": {"enum": ["card arrival", "lost card"]}, "sure": {"type": "boolean"}},
    "required": ["topic", "sure"],
    "additionalProperties": False,
}
TOOLS = [
    {"type": "function", "function": {"name": "route", "description": "Route it.", "parameters": ROUTE}},
    {"type": "function", "function": {"name": "hang_up"}},
]


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    with deployed(tmp_path_factory.mktemp("home"), serving_context_tokens=1024) as (url, service):
        yield url, service


@pytest.fixture(scope="module")
def service(process):
    return process[1]


@pytest.fixture(scope="module")
def client(process):
    with openai.OpenAI(base_url=f"{process[0]}/v1", api_key="unused", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def ask(client):
    return lambda **asked: client.chat.completions.create(**{**ASK, **asked})


@pytest.mark.parametrize("temperature", [0, 1.5])
def test_an_answer_keeps_to_its_schema_whatever_the_model_would_say(ask, temperature):
    schema = {"type": "json_schema", "json_schema": {"name": "route", "schema": ROUTE, "strict": True}}
    answer = ask(response_format=schema, temperature=temperature, max_tokens=200).choices[0]
    jsonschema.validate(json.loads(answer.message.content), ROUTE)
    assert answer.finish_reason == "stop"


def test_json_mode_is_an_object_or_the_beginning_of_one(ask):
    answer = ask(response_format={"type": "json_object"}, temperature=1, seed=4, max_tokens=40).choices[0]
    assert answer.message.content.startswith("{")
    assert answer.finish_reason == "length" or isinstance(json.loads(answer.message.content), dict)


def test_a_schema_that_cannot_be_kept_to_is_a_400_that_says_why(ask):
    schema = {"type": "json_schema", "json_schema": {"name": "route", "schema": {"type": "nonsense"}}}
    with pytest.raises(openai.BadRequestError, match="Invalid type: nonsense"):
        ask(response_format=schema)


def test_several_answers_are_options_side_by_side(ask, service):
    several = ask(n=3, temperature=1, seed=7)
    assert len({choice.message.content for choice in several.choices}) == 3
    ids = several.model_extra["feedwheel"]["response_ids"]
    assert ids[0] == several.id
    for place, (choice, response_id) in enumerate(zip(several.choices, ids, strict=True)):
        events = events_of(service, response_id)
        assert events["generation"]["data"]["output"] == choice.message.content
        assert events["generation"]["data"]["sampling"]["seed"] == 7 + place
        shown = events["exposure"]["data"]["candidates"]
        assert [one["response_id"] for one in shown] == ids
        assert [one["position"] for one in shown] == [0, 1, 2]
    alone = ask(temperature=1, seed=8)
    assert alone.choices[0].message.content == several.choices[1].message.content
    assert several.usage.prompt_tokens == alone.usage.prompt_tokens
    chunks = list(ask(n=3, temperature=1, seed=7, stream=True))
    streamed = ["".join(part(chunk) for chunk in chunks if index(chunk) == place) for place in range(3)]
    assert streamed == [choice.message.content for choice in several.choices]


def part(chunk):
    return chunk.choices[0].delta.content or ""


def index(chunk):
    return chunk.choices[0].index


def test_probabilities_are_told_token_by_token(ask):
    answer = ask(logprobs=True, top_logprobs=3).choices[0]
    told = answer.logprobs.content
    assert spelled(told) == plain_letters(answer.message.content)
    assert all(one.token == one.top_logprobs[0].token for one in told)  # greedy
    assert all(one.logprob == one.top_logprobs[0].logprob < 0 for one in told)
    assert all(np.exp([other.logprob for other in one.top_logprobs]).sum() < 1 for one in told)
    streamed = [
        one for chunk in ask(logprobs=True, stream=True) for one in getattr(chunk.choices[0].logprobs, "content", [])
    ]
    assert [(one.token, one.logprob) for one in streamed] == [(one.token, one.logprob) for one in told]


def spelled(told):
    """What tokens say, without those that are parts of a character: the model is random, and its tokens are bytes."""
    return plain_letters("".join(one.token for one in told))


def plain_letters(text):
    return "".join(letter for letter in text if letter.isascii())


def test_what_a_stop_string_takes_back_has_no_probability(ask):
    plain = ask().choices[0].message.content
    cut = ask(logprobs=True, stop=plain[4:6]).choices[0]
    assert cut.message.content == plain[: plain.index(plain[4:6])]
    assert spelled(cut.logprobs.content) == plain_letters(cut.message.content)
    assert len(cut.logprobs.content) == 4


def test_biases_and_penalties_change_what_is_said(ask, service):
    (wanted,) = service.lineup(APP).champion.chat.tokenizer.encode("w", add_special_tokens=False).ids
    assert ask(logit_bias={wanted: 100}).choices[0].message.content == "w" * 12
    assert "w" not in ask(logit_bias={wanted: -100}, temperature=2, max_tokens=80).choices[0].message.content
    varied = ask(logit_bias={wanted: 15}, frequency_penalty=2).choices[0].message.content
    assert 1 < varied.count("w") < 12
    asked = {"top_k": 5, "min_p": 0.1, "repetition_penalty": 1.2}
    answer = ask(temperature=1, presence_penalty=0.5, extra_body=asked)
    remembered = events_of(service, answer.id)["generation"]["data"]["sampling"]
    assert {name: remembered[name] for name in asked} == asked
    assert remembered["presence_penalty"] == 0.5


@pytest.mark.parametrize(
    "choice",
    [
        "required",
        {"type": "function", "function": {"name": "route"}},
        {"type": "function", "function": {"name": "hang_up"}},
    ],
)
def test_a_tool_that_must_be_called_is_called_as_its_schema_says(ask, service, choice):
    answer = ask(tools=TOOLS, tool_choice=choice, temperature=1, max_tokens=300)
    said = answer.choices[0]
    (call,) = said.message.tool_calls
    assert (said.finish_reason, said.message.content) == ("tool_calls", None)
    assert call.function.name in ("route", "hang_up")
    jsonschema.validate(json.loads(call.function.arguments), ROUTE if call.function.name == "route" else {})
    remembered = events_of(service, answer.id)["generation"]["data"]
    assert [(one["name"], one["arguments"]) for one in remembered["tool_calls"]] == [
        (call.function.name, call.function.arguments)
    ]
    # The next turn goes on from where this one ended.
    thread = [
        *({"role": one["role"], "content": one["content"]} for one in remembered["input"]),
        said.message.model_dump(include={"role", "content", "tool_calls"}),
        {"role": "tool", "tool_call_id": call.id, "content": "Done."},
    ]
    following = events_of(service, ask(messages=thread, tools=TOOLS).id)["generation"]["data"]
    assert following["prefix_hash"] == remembered["thread_hash"]
    assert [message["role"] for message in following["input"]] == ["tool"]


def test_a_call_is_never_streamed_as_text(ask):
    asked = {"tools": TOOLS, "tool_choice": "required", "max_tokens": 300, "seed": 3, "temperature": 1}
    whole = ask(**asked).choices[0].message.tool_calls[0]
    chunks = [chunk.choices[0] for chunk in ask(**asked, stream=True)]
    assert "".join(chunk.delta.content or "" for chunk in chunks) == ""
    (call,) = [call for chunk in chunks for call in chunk.delta.tool_calls or []]
    assert (call.function.name, call.function.arguments) == (whole.function.name, whole.function.arguments)
    assert chunks[-1].finish_reason == "tool_calls"


CALL = '<tool_call>\n{"name": "hang_up", "arguments": {"a": 1}}\n</tool_call>'


@pytest.fixture
def says(service, monkeypatch):
    """Let the model say a text."""

    def says(text):
        tokens = service.lineup(APP).champion.chat.tokenizer.encode(text, add_special_tokens=False).ids
        end = sorted(service.lineup(APP).champion.batch.decoder.artifact.eos)[0]
        left = defaultdict(lambda: iter([*tokens, end]))
        monkeypatch.setattr(Sampler, "pick", lambda self, *_, **__: next(left[self]))

    return says


def gathered(chunks):
    """A stream as its client sends it back."""
    deltas = [chunk.choices[0].delta for chunk in chunks]
    calls = [call.model_dump(exclude={"index"}) for delta in deltas for call in delta.tool_calls or []]
    return {"role": "assistant", "content": "".join(delta.content or "" for delta in deltas), "tool_calls": calls}


def test_a_client_that_streams_goes_on_from_where_its_answer_ended(ask, service, says):
    says(f"Sure.\n{CALL}")
    whole = ask(tools=TOOLS, max_tokens=200).choices[0].message
    chunks = list(ask(tools=TOOLS, max_tokens=200, stream=True))
    said = gathered(chunks)
    assert whole.content == said["content"] == "Sure."
    remembered = events_of(service, chunks[0].id)["generation"]["data"]
    thread = [
        *({"role": one["role"], "content": one["content"]} for one in remembered["input"]),
        said,
        {"role": "tool", "tool_call_id": said["tool_calls"][0]["id"], "content": "Done."},
    ]
    following = events_of(service, ask(messages=thread, tools=TOOLS).id)["generation"]["data"]
    assert following["prefix_hash"] == remembered["thread_hash"]


def test_where_calls_may_not_be_several_the_first_ends_the_answer(ask, service, says):
    says(f"Sure.\n{CALL}\n{CALL}")
    asked = {"tools": TOOLS, "max_tokens": 300}
    assert len(ask(**asked).choices[0].message.tool_calls) == 2
    answer = ask(**asked, parallel_tool_calls=False)
    chunks = list(ask(**asked, parallel_tool_calls=False, stream=True))
    (call,) = answer.choices[0].message.tool_calls
    (streamed,) = gathered(chunks)["tool_calls"]
    assert call.function.model_dump() == streamed["function"] == {"name": "hang_up", "arguments": '{"a":1}'}
    assert answer.choices[0].finish_reason == chunks[-1].choices[0].finish_reason == "tool_calls"
    for response_id in (answer.id, chunks[0].id):
        assert len(events_of(service, response_id)["generation"]["data"]["tool_calls"]) == 1


def test_nor_does_that_change_a_call_that_must_be_made(ask):
    asked = {"tools": TOOLS, "tool_choice": "required", "max_tokens": 300, "seed": 3, "temperature": 1}
    one, any_number = (ask(**asked, parallel_tool_calls=several).choices[0] for several in (False, True))
    assert one.finish_reason == any_number.finish_reason == "tool_calls"
    assert one.message.tool_calls[0].function == any_number.message.tool_calls[0].function


def test_tools_that_need_not_be_called_leave_an_answer_as_it_is(ask):
    plain, streamed = ask(tools=TOOLS), list(ask(tools=TOOLS, stream=True))
    assert plain.choices[0].message.tool_calls is None
    assert "".join(part(chunk) for chunk in streamed) == plain.choices[0].message.content
    assert plain.usage.prompt_tokens > ask(tools=TOOLS, tool_choice="none").usage.prompt_tokens


def test_a_text_is_gone_on_with(client, service):
    asked = {"model": APP, "prompt": "Where is my card", "max_tokens": 8}
    answer = client.completions.create(**asked, logprobs=2)
    text = answer.choices[0].text
    assert plain_letters("".join(answer.choices[0].logprobs.tokens)) == plain_letters(text)
    assert answer.choices[0].logprobs.text_offset[0] == 0
    assert len(answer.choices[0].logprobs.top_logprobs[0]) == 2
    assert "".join(chunk.choices[0].text for chunk in client.completions.create(**asked, stream=True)) == text
    tokens = service.lineup(APP).champion.chat.tokenizer.encode("Where is my card", add_special_tokens=False).ids
    assert client.completions.create(**{**asked, "prompt": tokens}).choices[0].text == text
    both = client.completions.create(**{**asked, "prompt": ["Where is my card", "No"]}, n=2)
    assert [choice.index for choice in both.choices] == [0, 1, 2, 3]
    assert both.choices[0].text == both.choices[1].text == text
    generation = events_of(service, answer.id)["generation"]["data"]
    assert ([one["content"] for one in generation["input"]], generation["output"]) == (["Where is my card"], text)


def test_an_answer_of_a_wanted_length(ask, service):
    eos = sorted(service.lineup(APP).champion.batch.decoder.artifact.eos)[0]
    ended = ask(logit_bias={eos: 100}, max_tokens=5)
    assert (ended.choices[0].finish_reason, ended.usage.completion_tokens) == ("stop", 0)
    going_on = ask(logit_bias={eos: 100}, max_tokens=5, extra_body={"ignore_eos": True})
    assert (going_on.choices[0].finish_reason, going_on.usage.completion_tokens) == ("length", 5)


def test_a_known_beginning_is_told(ask):
    first = ask(messages=[{"role": "user", "content": "Nobody has asked this before, have they?"}], user="u")
    again = ask(messages=[{"role": "user", "content": "Nobody has asked this before, have they?"}], user="u")
    assert again.usage.prompt_tokens_details.cached_tokens > first.usage.prompt_tokens_details.cached_tokens


def test_of_what_others_asked_only_the_applications_part_is_known(ask, service):
    def cached(user, text):
        answer = ask(messages=[{"role": "user", "content": text}], user=user)
        return answer.usage.prompt_tokens_details.cached_tokens

    secret = "My number is 4929-0815-4711, and nobody else knows it."
    cached("anna", secret)
    guesses = {cached(f"eve as {end}", secret[:end] + "?" * (len(secret) - end)) for end in (0, 13, 20, 30)}
    app = service.deployment.config.app(APP)
    chat = service.lineup(APP).champion.chat
    system = [ChatMessage("system", app.prompts[app.prompt_version])]
    assert guesses == {len(chat.encode(system)) - len("assistant\n") - 1 & ~1}
    assert cached("anna", secret) > len(secret)


def test_biases_of_tokens_that_are_none_are_refused(ask):
    with pytest.raises(openai.BadRequestError, match="vocabulary"):
        ask(logit_bias={999_999: 1})


def test_long_conversations_are_read_where_nobody_waits(ask, monkeypatch):
    loops, encode = [], ChatFormat.encode

    def noted(*given):
        loops.append(asyncio._get_running_loop())
        return encode(*given)

    monkeypatch.setattr(ChatFormat, "encode", noted)
    ask(max_tokens=1)
    assert loops == [None]


def test_a_stream_that_breaks_says_so(client, monkeypatch):
    """Its status is long sent; without a last event a client would take the half for the whole."""
    monkeypatch.setattr(ChatShape, "ending", lambda *_: 1 / 0)
    with pytest.raises(openai.APIError, match="the server failed"):
        list(client.chat.completions.create(**ASK, stream=True))


def test_the_offset_of_a_token_is_in_characters_of_the_text(client, service, monkeypatch):
    said_by_it = "é 1€x"
    tokenizer = service.lineup(APP).champion.chat.tokenizer
    parts = [len(tokenizer.encode(letter, add_special_tokens=False).ids) for letter in said_by_it]
    assert max(parts) > 1  # some letters are several tokens
    ids = tokenizer.encode(said_by_it, add_special_tokens=False).ids
    assert len(ids) == sum(parts)
    expected = [place for place, count in enumerate(parts) for _ in range(count)]
    asked = {"model": APP, "prompt": "Where", "max_tokens": len(ids), "logprobs": 0}
    for stream in (False, True):
        chosen = iter(ids)
        monkeypatch.setattr(Sampler, "pick", lambda *_, chosen=chosen: next(chosen))
        answer = client.completions.create(**asked, stream=stream)
        choices = [chunk.choices[0] for chunk in answer] if stream else answer.choices
        assert "".join(choice.text for choice in choices) == said_by_it
        assert [at for one in choices if one.logprobs for at in one.logprobs.text_offset] == expected
