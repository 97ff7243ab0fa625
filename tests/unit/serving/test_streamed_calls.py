"""A stream says what a whole answer says: its text, its calls, and the probabilities of all its tokens."""

import time
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.api.chat import ChatShape
from serving.engine.job import Answer, Piece
from serving.engine.sampling import TokenLogprob
from serving.engine.tools import CLOSING, OPENING, read

CALL = f'{OPENING}\n{{"name": "find", "arguments": {{"city": "Rome"}}}}\n{CLOSING}'
PARTS = [
    "Sure.",
    "a",
    "<",
    "<tool",
    OPENING,
    CLOSING,
    CALL,
    CALL[: -len(CLOSING)],
    " ",
    "\n",
    "\u2003",
    '{"name": 1}',
    "é",
]
TEXTS = st.lists(st.sampled_from(PARTS) | st.text(max_size=3), max_size=8).map("".join)


class Spelling:
    """Decodes each token to a letter of its own."""

    def decode(self, tokens, skip_special_tokens):
        return "".join(chr(ord("a") + token) for token in tokens)


def shape(has_tools=True):
    model = SimpleNamespace(chat=SimpleNamespace(tokenizer=Spelling()))
    accepted = SimpleNamespace(response_id="r", assignment=SimpleNamespace(model=model))
    return ChatShape([accepted], has_tools=has_tools)


def pieces_of(text, cuts):
    ends = sorted({cut for cut in cuts if 0 < cut < len(text)} | {len(text)})
    return [
        Piece(text[start:end], (TokenLogprob(number, -float(number)),))
        for number, (start, end) in enumerate(zip([0, *ends], ends, strict=False))
        if end > start
    ]


def whole(text, pieces, **shaped):
    logprobs = tuple(one for piece in pieces for one in piece.logprobs)
    choice = shape(**shaped).whole(0, Answer(text, "stop", 1, 1, 0, 0, 0, logprobs=logprobs))
    said = choice["message"]
    told = choice["logprobs"]["content"] if choice["logprobs"] else []
    return said["content"] or "", said.get("tool_calls", []), told, choice["finish_reason"]


def streamed(text, pieces, **shaped):
    stream = shape(**shaped)
    chunks = [*stream.opening(0), *(chunk for piece in pieces for chunk in stream.going_on(0, piece))]
    chunks += stream.ending(0, Answer(text, "stop", 1, 1, 0, 0, 0))
    calls = [call for chunk in chunks for call in chunk["delta"].get("tool_calls", [])]
    assert [call.pop("index") for call in calls] == list(range(len(calls)))
    content = "".join(chunk["delta"].get("content", "") for chunk in chunks)
    told = [one for chunk in chunks if chunk["logprobs"] for one in chunk["logprobs"]["content"]]
    return content, calls, told, chunks[-1]["finish_reason"]


@given(text=TEXTS, cuts=st.lists(st.integers(1, 200)), has_tools=st.booleans())
def test_a_stream_says_what_a_whole_answer_says_wherever_it_is_cut(text, cuts, has_tools):
    pieces = pieces_of(text, cuts)
    assert streamed(text, pieces, has_tools=has_tools) == whole(text, pieces, has_tools=has_tools)


@pytest.mark.parametrize("text", [f"Sure.\n{CALL}", f"\nSure. \n {CALL}\n{CALL}\n"])
def test_text_before_a_call_is_without_the_blanks_between(text):
    content, calls, _, reason = streamed(text, pieces_of(text, range(len(text))))
    assert content == text[: text.index(".") + 1]
    assert len(calls) == text.count(CALL)
    assert reason == "tool_calls"


def test_text_that_cannot_become_a_call_does_not_wait():
    stream = shape()
    said = [
        [chunk["delta"]["content"] for chunk in stream.going_on(0, Piece(text))] for text in ("a", " ", "b<", "to d")
    ]
    assert said == [["a"], [], [" b"], ["<to d"]]


@pytest.mark.parametrize("text", [f"{OPENING}x{' ' * 300_000}y", OPENING * 30_000, f"{OPENING}x{CLOSING}" * 20_000])
def test_what_a_model_repeats_is_read_in_no_time(text):
    begun = time.process_time()
    assert read(text) == (text, ())
    assert time.process_time() - begun < 1  # blanks took hours
