"""What an answer must look like: JSON, or JSON of a schema, kept to token by token.

In: formats. Out: a matcher, which says which tokens may follow; it may take long to make, and is copied at once. The
work is llguidance's; here is what the engine asks of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from llguidance import LLMatcher, LLTokenizer
from numpy.typing import NDArray
from tokenizers import Tokenizer

from schemas.errors import UsageError
from serving.engine.errors import EngineFault
from serving.engine.json_text import encoded

_WORD_BITS: Final = 32
_COMPACT: Final[Any] = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
"""One way to write what means the same: a small model that may indent goes on indenting until no tokens are left."""
_REASON_CHARS: Final = 200
"""Of what is wrong with a schema: its author reads it, and schemas are long."""
_TRIED: Final = 3
"""Tokens: an object with too many properties, or one that has no end, is too much at its first name at the latest."""


@dataclass(frozen=True, slots=True)
class Format:
    """JSON that keeps to a JSON Schema, between two texts that are always there.

    The schema is a document of its own: a `$ref` in it points into nothing else.
    """

    schema: Mapping[str, Any]
    before: str = ""
    after: str = ""


class Grammars:
    """The grammars of one model's vocabulary. Its tables take some .3 s to make, so they are made when first needed."""

    def __init__(self, tokenizer: Tokenizer, vocab_size: int, eos: frozenset[int]) -> None:
        self._tokenizer_json = tokenizer.to_str()
        self._vocab_size = vocab_size
        self._eos = sorted(eos)

    def matcher(self, wanted: Sequence[Format]) -> "Matcher":
        """A matcher of one answer, which has one of the formats. Raises UsageError where there can be none."""
        for one in wanted:
            self._try(one)
        return Matcher(self._compiled(wanted), self._vocab_size)

    def _compiled(self, wanted: Sequence[Format]) -> LLMatcher:
        # Silent: its warnings, on stderr, quote the schema and the answer.
        matcher = LLMatcher(self._vocabulary, _grammar(wanted), log_level=0)
        _check(matcher)
        return matcher

    def _try(self, wanted: Format) -> None:
        """Begin to write JSON of one schema: some compile, and are too much with the first tokens."""
        trial = self._compiled([Format(wanted.schema)])
        for _ in range(_TRIED):
            may_follow = np.flatnonzero(np.frombuffer(trial.compute_logit_bias(), np.uint8))
            others = may_follow[~np.isin(may_follow, self._eos)]
            if len(others) and not trial.is_stopped():
                trial.consume_token(int(others[0]))
            _check(trial)

    @cached_property
    def _vocabulary(self) -> LLTokenizer:
        return LLTokenizer(self._tokenizer_json, n_vocab=self._vocab_size, eos_token=list(self._eos))


def _grammar(formats: Sequence[Format]) -> str:
    """In llguidance's Lark, where each schema is a grammar of its own."""
    rules = list[str]()
    for number, one in enumerate(formats):
        schema = encoded({**one.schema, "x-guidance": _COMPACT})
        rules += (
            f"format_{number}: {encoded(one.before)} json_{number} {encoded(one.after)}",
            f"json_{number}: %json {schema}",
        )
    return "\n".join([f"start: {' | '.join(f'format_{number}' for number in range(len(formats)))}", *rules])


def _check(matcher: LLMatcher) -> None:
    """Raise UsageError where a matcher is in error, which it stays in."""
    if matcher.is_error():
        reason = matcher.get_error().splitlines()[0]
        raise UsageError(f"the schema cannot be kept to: {reason[:_REASON_CHARS]}")


class Matcher:
    """How far one answer has come in its grammar."""

    def __init__(self, matcher: LLMatcher, vocab_size: int) -> None:
        self._matcher = matcher
        self._bits = np.zeros(-(-vocab_size // _WORD_BITS), np.int32)
        self._vocab_size = vocab_size

    def copy(self) -> "Matcher":
        """Another answer of the same grammar, as far as this one has come."""
        return Matcher(self._matcher.deep_copy(), self._vocab_size)

    def allowed(self) -> NDArray[np.bool_]:
        """Which tokens may follow: bool [vocab]. Raises EngineFault."""
        self._matcher.unsafe_compute_mask_ptr(self._bits.ctypes.data, self._bits.nbytes)
        self._check()
        return np.unpackbits(self._bits.view(np.uint8), count=self._vocab_size, bitorder="little").view(np.bool_)

    def take(self, token: int) -> bool:
        """Go on by a token; whether the answer is whole, so that nothing may follow. Raises EngineFault."""
        self._matcher.consume_token(token)
        self._check()
        return bool(self._matcher.is_stopped())

    def _check(self) -> None:
        # A matcher in error is stopped too, and lets the end follow: half a text would look whole.
        if self._matcher.is_error():
            raise EngineFault("the answer cannot go on in its form: ask for a simpler schema")
