"""Pseudonyms: what stands in a conversation in place of what is personal, the same for the same (I4).

In: texts of one conversation, in order, with their finds. Out: the texts with `[PERSON_1]` and the like in place of
each find. Who is called by a part of a name that was used before is the same person. Numbers that a text already has
in brackets are not given again, so that redacting twice changes nothing.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from feedback.personal.lexicon import folded
from feedback.personal.spans import Find

_NUMBERED: Final = re.compile(r"\[([A-Z_]{2,20})_(\d{1,6})\]")
_NO_CHARACTER: Final = re.compile(r"[\W_]+")


class Pseudonyms:
    """The pseudonyms of one conversation. `texts`: all that it says, for the numbers that are already taken."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._last = Counter[str]()
        self._known = dict[tuple[str, str], str]()
        for text in texts:
            for kind, number in _NUMBERED.findall(text):
                self._last[kind] = max(self._last[kind], int(number))

    def replaced(self, text: str, finds: Sequence[Find]) -> str:
        """The text with every find, in order and without overlaps, replaced by its pseudonym."""
        pieces, position = list[str](), 0
        for find in finds:
            pieces += [text[position : find.start], self._of(find.type, text[find.start : find.end])]
            position = find.end
        return "".join([*pieces, text[position:]])

    def _of(self, kind: str, found: str) -> str:
        key = _NO_CHARACTER.sub(" ", folded(found)).strip()
        if (kind, key) not in self._known:
            self._last[kind] += 1
            self._learn(kind, key, f"[{kind}_{self._last[kind]}]")
        return self._known[kind, key]

    def _learn(self, kind: str, key: str, pseudonym: str) -> None:
        """Know a find again; of a name each of its words too, unless somebody else is called so."""
        self._known[kind, key] = pseudonym
        if kind == "PERSON":
            for word in key.split():
                self._known.setdefault((kind, word), pseudonym)
