"""Edits planted in texts: what people and programs do to a text that stays the same text.

In: a text and a source of chance. Out: the text with one kind of edit, at a strength that its name tells.
"""

import random
import re
import string
import unicodedata
from collections.abc import Callable
from typing import Final

Edit = Callable[[str, random.Random], str]

_FILLERS: Final = ("really", "just", "please", "actually", "the", "also", "now", "very", "so", "and")
_OPENINGS: Final = (
    "Hi, ",
    "Hello there, ",
    "Quick question: ",
    "Dear support team, ",
    "Please help: ",
    "Good morning, ",
)
_ENDINGS: Final = (" Thanks!", " Thank you in advance.", " Sent from my iPhone", " Please advise.", " Regards, Tom")


def _typos(share: float) -> Edit:
    """At least one; `share` of the characters replaced, added, left out or exchanged."""

    def edit(text: str, draw: random.Random) -> str:
        letters = list(text)
        for _ in range(max(1, round(len(text) * share))):
            place = draw.randrange(len(letters) - 1)
            letters[place : place + 2] = draw.choice(
                (
                    [draw.choice(string.ascii_lowercase), letters[place + 1]],
                    [letters[place], draw.choice(string.ascii_lowercase), letters[place + 1]],
                    [letters[place]],
                    [letters[place + 1], letters[place]],
                )
            )
        return "".join(letters)

    return edit


def _of_words(change: Callable[[list[str], int, random.Random], object], share: float) -> Edit:
    """`share` of the words changed, at least one."""

    def edit(text: str, draw: random.Random) -> str:
        words = text.split()
        for _ in range(max(1, int(len(words) * share))):
            change(words, draw.randrange(len(words) - 1), draw)
        return " ".join(words)

    return edit


def _swap(words: list[str], place: int, draw: random.Random) -> None:
    words[place : place + 2] = reversed(words[place : place + 2])


def _insert(words: list[str], place: int, draw: random.Random) -> None:
    words.insert(place, draw.choice(_FILLERS))


def _delete(words: list[str], place: int, draw: random.Random) -> None:
    if len(words) > 3:
        del words[place]


def _case(text: str, draw: random.Random) -> str:
    return draw.choice((text.upper(), text.lower(), text.title(), text.swapcase()))


def _punctuation(text: str, draw: random.Random) -> str:
    return draw.choice((re.sub(r"[^\w\s]", "", text), text + "!!!", text.replace(" ", ", ", 2), text + " ..."))


def _space(text: str, draw: random.Random) -> str:
    return draw.choice((text.replace(" ", "  "), f"\n{text} \t", text.replace(" ", "\n")))


def _unicode(text: str, draw: random.Random) -> str:
    wide = "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in text)
    apart = unicodedata.normalize("NFD", text.replace("e", "\u00e9"))
    return draw.choice((wide, apart, text.replace(" ", "\u00a0"), text.replace("fi", "\ufb01") + "\ufeff"))


EDITS: Final[dict[str, Edit]] = {
    "case": _case,
    "punctuation": _punctuation,
    "white space": _space,
    "unicode forms": _unicode,
    "one typo": _typos(0.0),
    "typos, 2 % of characters": _typos(0.02),
    "typos, 5 % of characters": _typos(0.05),
    "one pair of words swapped": _of_words(_swap, 0.0),
    "10 % of words swapped": _of_words(_swap, 0.1),
    "one word more": _of_words(_insert, 0.0),
    "10 % more words": _of_words(_insert, 0.1),
    "one word less": _of_words(_delete, 0.0),
    "10 % less words": _of_words(_delete, 0.1),
    "last 10 % cut off": lambda text, _: text[: int(len(text) * 0.9)],
    "last 20 % cut off": lambda text, _: text[: int(len(text) * 0.8)],
    "greeting before": lambda text, draw: draw.choice(_OPENINGS) + text,
    "closing behind": lambda text, draw: text + draw.choice(_ENDINGS),
    "greeting and closing": lambda text, draw: draw.choice(_OPENINGS) + text + draw.choice(_ENDINGS),
}
