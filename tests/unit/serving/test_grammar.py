"""What answers are held to: schemas of tools are documents of their own, and none is kept to by half."""

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from schemas.errors import UsageError
from serving.engine.errors import EngineFault
from serving.engine.grammar import Format, Grammars
from serving.engine.tools import Call, Tool, one_call, written

ALPHABET = ["<|end|>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
INNER = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"], "additionalProperties": False}
OUTER = {
    "$defs": {"Inner": INNER},
    "type": "object",
    "properties": {"inner": {"$ref": "#/$defs/Inner"}},
    "required": ["inner"],
    "additionalProperties": False,
}
CHAIN = {
    "type": "object",
    "properties": {"next": {"anyOf": [{"type": "null"}, {"$ref": "#"}]}},
    "required": ["next"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def tokenizer():
    """Of a vocabulary of bytes."""
    tokenizer = Tokenizer(models.BPE(vocab={token: number for number, token in enumerate(ALPHABET)}, merges=[]))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    return tokenizer


@pytest.fixture(scope="module")
def grammars(tokenizer):
    return Grammars(tokenizer, len(ALPHABET), frozenset([0]))


def kept_to(matcher, tokens):
    """Whether an answer of these tokens is allowed, and whole."""
    is_whole = False
    for token in tokens:
        if not matcher.allowed()[token]:
            return False
        is_whole = matcher.take(token)
    return is_whole


@pytest.mark.parametrize(
    ("name", "arguments", "keeps"),
    [
        ("outer", '{"inner": {"x": 1}}', True),
        ("outer", '{"inner": {"x": "1"}}', False),
        ("chain", '{"next": {"next": null}}', True),
        ("chain", '{"next": {"name": "chain", "arguments": {"next": null}}}', False),
        ("chain", '{"inner": {"x": 1}}', False),
    ],
)
def test_references_in_the_parameters_of_a_tool_mean_the_parameters(grammars, tokenizer, name, arguments, keeps):
    matcher = grammars.matcher(one_call([Tool("outer", "", OUTER), Tool("chain", "", CHAIN)]))
    assert kept_to(matcher, tokenizer.encode(written("", [Call(name, arguments)])).ids) == keeps


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {f"p{n}": {"type": "integer"} for n in range(700)}},
        {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]},
    ],
    ids=["too much", "endless"],
)
def test_a_schema_that_is_too_much_with_its_first_tokens_is_refused(grammars, schema):
    for wanted in ([Format(schema)], one_call([Tool("f", "", OUTER), Tool("g", "", schema)])):
        with pytest.raises(UsageError, match="cannot be kept to"):
            grammars.matcher(wanted)


def test_an_answer_that_cannot_go_on_is_an_error_and_no_end(grammars, tokenizer):
    too_much = {"type": "object", "properties": {f"p{n}": {"type": "integer"} for n in range(700)}}
    later = {"type": "array", "items": [{"type": "string"}, too_much], "minItems": 2}
    matcher = grammars.matcher([Format(later)])
    with pytest.raises(EngineFault):
        kept_to(matcher, tokenizer.encode('["a", {"p1": 1}]').ids)
