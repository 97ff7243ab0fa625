"""What an answer must look like: JSON, or JSON of a schema, kept to token by token.

In: a format. Out: a matcher, which says which tokens may follow; it may take long to make, and is copied at once. The
work is llguidance's; here is what the engine asks of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from llguidance import LLMatcher, LLTokenizer
from numpy.typing import NDArray
from tokenizers import Tokenizer

from schemas.errors import UsageError
from serving.engine.json_text import encoded

_WORD_BITS: Final = 32
_COMPACT: Final[Any] = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
"""One way to write what means the same: a small model that may indent goes on indenting until no tokens are left."""
_REASON_CHARS: Final = 200
"""Of what is wrong with a schema: its author reads it, and schemas are long."""


@dataclass(frozen=True, slots=True)
class Format:
    """JSON that keeps to a JSON Schema, between two texts that are always there."""

    schema: Mapping[str, Any]
    before: str = ""
    after: str = ""


class Grammars:
    """The grammars of one model's vocabulary. Its tables take some .3 s to make, so they are made when first needed."""

    def __init__(self, tokenizer: Tokenizer, vocab_size: int, eos: frozenset[int]) -> None:
        self._tokenizer_json = tokenizer.to_str()
        self._vocab_size = vocab_size
        self._eos = sorted(eos)

    def matcher(self, wanted: Format) -> "Matcher":
        """A matcher of one answer. Raises UsageError where there can be none."""
        schema = encoded({**wanted.schema, "x-guidance": _COMPACT})
        before, after = encoded(wanted.before), encoded(wanted.after)
        grammar = f"start: {before} json {after}\njson: %json {schema}"
        # Silent: its warnings, on stderr, quote the schema and the answer.
        matcher = LLMatcher(self._vocabulary, grammar, log_level=0)
        if matcher.is_error():
            reason = matcher.get_error().splitlines()[0]
            raise UsageError(f"the schema cannot be kept to: {reason[:_REASON_CHARS]}")
        return Matcher(matcher, self._vocab_size)

    @cached_property
    def _vocabulary(self) -> LLTokenizer:
        return LLTokenizer(self._tokenizer_json, n_vocab=self._vocab_size, eos_token=list(self._eos))


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
        """Which tokens may follow: bool [vocab]."""
        self._matcher.unsafe_compute_mask_ptr(self._bits.ctypes.data, self._bits.nbytes)
        return np.unpackbits(self._bits.view(np.uint8), count=self._vocab_size, bitorder="little").view(np.bool_)

    def take(self, token: int) -> bool:
        """Go on by a token; whether the answer is whole, so that nothing may follow."""
        self._matcher.consume_token(token)
        return bool(self._matcher.is_stopped())
