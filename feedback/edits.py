"""How far a person's edit is from the answer, and whether it changes what it says or only how.

In: two texts. Out: a distance and a type. Both are read from which words were taken out and put in, not where they
stand.
"""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Final, Literal

EditType = Literal["unchanged", "style", "content"]
"""`unchanged`: the same but for case and white space."""

_CONTENT_FROM: Final = 0.2
"""Share of the words that carry content from which, changed, an edit says something else: fewer are style."""

_TOKEN: Final = re.compile(r"\w+(?:[.,']\w+)*|[^\w\s]")
_DENIALS: Final = frozenset(["no", "not", "never", "none", "without", "cannot", "neither", "nor"])
_MIN_CONTENT_CHARS: Final = 4
"""Shorter words are mostly articles, pronouns and prepositions, in most languages."""


@dataclass(frozen=True, slots=True)
class Edit:
    """`distance` 0..1: words and marks put in or taken out, per word and mark of both texts (1 - Dice)."""

    distance: float
    type: EditType


def compare(shown: str, edited: str) -> Edit:
    """What an edit did to an answer. A number or a denial that changed changes what it says, however short."""
    before, after = Counter(_TOKEN.findall(shown.casefold())), Counter(_TOKEN.findall(edited.casefold()))
    changed = (before - after) + (after - before)
    total = before.total() + after.total()
    if not changed:
        return Edit(0.0, "unchanged" if is_same_answer(edited, shown) else "style")
    says = _carrying(changed) >= _CONTENT_FROM * max(1, _carrying(before) + _carrying(after))
    denies = any(token in _DENIALS or token.endswith("n't") or token[0].isdigit() for token in changed)
    return Edit(changed.total() / total, "content" if says or denies else "style")


def _carrying(tokens: Counter[str]) -> int:
    """How many words are long enough to carry content."""
    return sum(count for token, count in tokens.items() if len(token) >= _MIN_CONTENT_CHARS)


def is_same_answer(edited: str | None, shown: str | None) -> bool:
    """Whether two texts are the same but for case and white space, as of an edit that confirms. False without both."""
    if edited is None or shown is None:
        return False
    return edited.casefold().split() == shown.casefold().split()
