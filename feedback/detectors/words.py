"""What a rule sees of a message: its beginning in lower case, and the words in it, from which rules are chosen.

In: what somebody wrote. Out: a text in which every code point stands where it stood, and its words.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

MAX_CHARS_READ: Final = 400
"""Reactions stand at the beginning of a message; what follows, a paste mostly, is not searched."""

_WORD: Final = re.compile(r"\w+")
_QUOTED: Final = re.compile(r'"[^"\n]*"|“[^”\n]*”|`[^`]*`|^>.*$', re.MULTILINE)
_APOSTROPHE: Final = {ord("’"): "'", ord("‘"): "'"}  # noqa: RUF001 (as people type it)

_LATIN_WITH_MARKS: Final = range(0xC0, 0x180)
_UNMARKED: Final = {code: ord(unicodedata.normalize("NFD", chr(code))[0]) for code in _LATIN_WITH_MARKS} | {
    ord("ß"): ord("s")
}


@dataclass(frozen=True, slots=True)
class Words:
    """`text` without what it quotes: those are somebody else's words. `tokens` are its words in order."""

    text: str
    tokens: tuple[str, ...]
    words: frozenset[str]


def bag(words: str) -> frozenset[str]:
    """A set of words, given with blanks between them."""
    return frozenset(words.split())


def read(text: str) -> Words:
    """The beginning of a message, as rules read it."""
    head = text[:MAX_CHARS_READ]
    lower = head.lower()
    if len(lower) != len(head):  # some capitals become two code points, and spans would move
        lower = "".join(each if len(each) == 1 else "?" for each in map(str.lower, head))
    if not lower.isascii():
        lower = lower.translate(_APOSTROPHE)
    if '"' in lower or "`" in lower or "“" in lower or ">" in lower:
        lower = _QUOTED.sub(_blank, lower)
    tokens = tuple(_WORD.findall(lower))
    return Words(lower, tokens, frozenset(tokens))


def without_marks(message: Words) -> Words:
    """The same without marks on letters, which people leave out: each code point stands where it stood."""
    if message.text.isascii():
        return message
    text = message.text.translate(_UNMARKED)
    tokens = tuple(_WORD.findall(text))
    return Words(text, tokens, frozenset(tokens))


def _blank(match: re.Match[str]) -> str:
    return " " * len(match.group())
