"""JSON that is hostile: so deep that reading it breaks, or of characters that are none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from schemas.errors import UsageError
from serving.engine.errors import EngineFault
from serving.engine.grammar import Format, Grammars
from serving.engine.json_text import decoded, encoded
from serving.engine.tools import Tool, instructions, read
from serving.rollout.form import breaks_form
from tests.unit.serving.conftest import nested

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


def grammars():
    """Of a vocabulary of bytes."""
    alphabet = ["<|end|>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE(vocab={token: number for number, token in enumerate(alphabet)}, merges=[]))
    tokenizer.decoder = decoders.ByteLevel()
    return Grammars(tokenizer, len(alphabet), frozenset([0]))


def test_nothing_of_a_schema_or_an_answer_is_written_to_stderr(capfd):
    matcher = grammars().matcher([Format({"const": "xyzzy-4711"})])
    for fails in (lambda: matcher.take(grammars().matcher([Format({})]).allowed().argmin()), matcher.allowed):
        with pytest.raises(EngineFault):
            fails()
    assert capfd.readouterr().err == ""


@given(st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20))
def test_what_people_mean_comes_back(value):
    assert decoded(encoded(value)) == value


@pytest.mark.parametrize("levels", [101, 500, 3_000, 100_000])
def test_what_nests_too_deep_is_refused_whoever_asks(levels):
    text = "[" * levels + "]" * levels
    for refused in (lambda: decoded(text), lambda: decoded("[" * levels)):
        with pytest.raises(UsageError):
            refused()
    assert read(f'<tool_call>{{"name": "f", "arguments": {{"a": {text}}}}}</tool_call>')[1] == ()
    assert breaks_form(text, "stop", "json_object", has_tools=False)
    assert not breaks_form("[" * 100 + "]" * 100, "stop", "json_object", has_tools=False)


@pytest.mark.parametrize("schema", [{"const": "\ud800"}, {"\udfff": 1}, nested(60), nested(900)])
def test_a_schema_that_cannot_be_written_is_refused_by_the_engine(schema):
    with pytest.raises(UsageError):
        grammars().matcher([Format(schema)])
    with pytest.raises(UsageError):
        instructions([Tool("f", "", schema)])
