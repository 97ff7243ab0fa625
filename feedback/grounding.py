"""Grounding: an answer that people only liked teaches what is right only if something else says so.

In: liked answers, and what was said of the same questions, or given to the model with them. Out: which are grounded.
Liking measures how an answer pleased, and a model that is trained on it learns to please (Sharma et al., "Towards
Understanding Sycophancy in Language Models", ICLR 2024). Two checks: somebody else said that it is the right answer to
the same question; or it stands in the context that the application gave.
"""

import re
from collections.abc import Collection
from typing import Final

_WORD: Final = re.compile(r"\w+")
_CARRYING_CHARS: Final = 4
"""Shorter words are mostly articles, pronouns and prepositions, in most languages; numbers count at any length."""
_STANDS_FROM: Final = 0.8
"""Share of an answer's carrying words that its context must have: what joins facts to a sentence is the model's own."""


def stands_in(answer: str, context: str) -> bool:
    """Whether what a normalised answer says is in the normalised context: every number, and most other words."""
    given = frozenset(_WORD.findall(context))
    numbers, words = _carrying(answer)
    found = sum(word in given for word in words)
    return bool(numbers or words) and numbers <= given and found >= _STANDS_FROM * len(words)


def _carrying(answer: str) -> tuple[frozenset[str], Collection[str]]:
    tokens = _WORD.findall(answer)
    numbers = frozenset(token for token in tokens if token[0].isdigit())
    return numbers, [token for token in tokens if len(token) >= _CARRYING_CHARS and token not in numbers]
