"""The words of a text, and what the lists say of each.

In: text. Out: words with their place, case and kind. What one word alone says is decided here, what a row of them
says in `names`.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from feedback.personal.lexicon import folded, listed

_WORD: Final = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")
_POSSESSIVE: Final = re.compile(r"['\u2019](?:s|S)$")


@dataclass(frozen=True)
class Word:
    """A word at code points [start, end), without a possessive ending."""

    text: str
    start: int
    end: int

    @cached_property
    def folded(self) -> str:
        """As the lists have it."""
        return folded(self.text)

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """It, and what hyphens join in it."""
        return (self.folded.replace("'", ""), *(self.folded.split("-") if "-" in self.folded else ()))

    @cached_property
    def is_capital(self) -> bool:
        """Begins with a capital and goes on in small letters, somewhere."""
        return self.text[0].isupper() and (len(self.text) == 1 or not self.text.isupper())

    @cached_property
    def is_upper(self) -> bool:
        """All in capitals, two letters at least."""
        return len(self.text) > 1 and self.text.isupper()

    @cached_property
    def is_first_name(self) -> bool:
        """Stands among first names."""
        return any(part in listed("first_names") for part in self.parts)

    @cached_property
    def is_last_name(self) -> bool:
        """Stands among last names, or has the form of one."""
        return any(part in listed("last_names") for part in self.parts) or _PATRONYMIC.search(self.folded) is not None

    @cached_property
    def is_ordinary(self) -> bool:
        """Says nothing by a capital: a word that people write in lower case, or a proper noun that names no person."""
        return all(_says_nothing(part) for part in self.folded.split("-"))

    @cached_property
    def is_sure_name(self) -> bool:
        """A first name, and nothing else that is listed."""
        return self.is_first_name and not self.is_ordinary


_PATRONYMIC: Final = re.compile(
    r"^[a-z]{3,}(?:sson|sdottir|ovich|evich|owski|owska|ewski|ewska|inski|inska|enko|chuk|iuk|idis|akis|opoulos|oglu|"
    r"escu|ovic|evic|czyk|shvili|adze|osyan|akyan|anyan|aryan|ova|eva|skaya|sky|ski|dsen|nsen|rsen|tsen)$|^(?:mc|"
    r"mac(?=[dklgn])|o'|fitz)[a-z]{3,}"
)
"""Endings and beginnings of last names (Slavic, Nordic, Greek, Romanian, Armenian, Georgian, Gaelic)."""
_CONTRACTION: Final = re.compile(r"'(?:t|re|ve|ll|d|m|s)$")


def _says_nothing(word: str) -> bool:
    listed_as_none = word in listed("words") or word in listed("no_names")
    return len(word) < 2 or listed_as_none or _CONTRACTION.search(word) is not None


def words_of(text: str) -> list[Word]:
    """Words in order."""
    return [_word(match) for match in _WORD.finditer(text)]


def _word(match: re.Match[str]) -> Word:
    ending = _POSSESSIVE.search(match[0])
    end = match.start() + ending.start() if ending else match.end()
    return Word(match.string[match.start() : end], match.start(), end)
