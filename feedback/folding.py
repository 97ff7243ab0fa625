"""A text as a person reads it: what only looks like a Latin letter is one, and nothing stands there that is not seen.

In: text. Out: the same in plain letters, one blank or line end wherever there are any between words. For comparing
with English patterns only: what is folded is not to be shown, nor kept. The cost is linear in the length.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Final

_APOSTROPHES: Final = "\u2018\u2019\u201b\u2032\u02b9\u02bb\u02bc\u02bd\u00b4\u0060\u05f3\ua78c"
"""What keyboards and word processors write for ': some are letters by their category, one decomposes to a blank."""

_LOOKALIKES: Final = {
    "a": "\u0391\u03b1\u0410\u0430",
    "b": "\u0392\u0412\u0432\u042c",
    "c": "\u0421\u0441",
    "d": "\u0501",
    "e": "\u0395\u0415\u0435",
    "f": "\u03dc",
    "g": "\u050c\u050d",
    "h": "\u0397\u041d\u043d\u04bb",
    "i": "\u0399\u03b9\u0406\u0456\u04c0\u04cf\ua647",
    "j": "\u037f\u03f3\u0408\u0458",
    "k": "\u039a\u03ba\u041a\u043a",
    "m": "\u039c\u03fa\u041c",
    "n": "\u039d\u03b7",
    "o": "\u039f\u03bf\u03c3\u041e\u043e",
    "p": "\u03a1\u03c1\u0420\u0440",
    "q": "\u051b",
    "r": "\u0433",
    "s": "\u0405\u0455",
    "t": "\u03a4\u03c4\u0422\u0442",
    "u": "\u03c5",
    "v": "\u03bd\u0474\u0475",
    "w": "\u0461\u051c\u051d",
    "x": "\u03a7\u0425\u0445",
    "y": "\u03a5\u03b3\u0423\u0443\u04ae\u04af",
    "z": "\u0396",
}
"""Greek and Cyrillic letters that Unicode's UTS #39 (`confusables.txt`, 13.0) has for a Latin letter, or for a small
capital of one. Without those that a stroke or a hook sets apart. I is `i` and not, as there, `l`."""

_AS_PLAIN: Final = {ord(other): letter for letter, others in _LOOKALIKES.items() for other in others} | {ord("_"): " "}
"""`_` stands between words, and is a letter to a regular expression."""
_AS_APOSTROPHE: Final = dict.fromkeys(map(ord, _APOSTROPHES), "'")
_AS_BLANK: Final = dict.fromkeys((0xFDFA, 0xFDFB), " ")
"""Arabic words in one character: the first would become 18, and no other more than 7."""

_STOP_WITHIN: Final = re.compile(r"(?<=\w)\.(?=\w)")
"""A full stop that ends no sentence: where it stands for a blank, it is one."""

_MARKS: Final = frozenset({"Mn", "Me"})
_UNSEEN: Final = frozenset({"Cf", "Cc"})
_FILLERS: Final = frozenset("\u115f\u1160\u3164\uffa0")
"""Of Hangul: letters by their category, and nothing is seen of them."""


def readings(text: str) -> Iterator[str]:
    """The text folded: with what is not seen left out, and, where there is any, with a blank in its place as well.

    Unseen characters are put into words to break them up, and between words in place of blanks.
    """
    unseen = {ord(char) for char in set(text) if _is_unseen(char)}
    for gap in ("", " ") if unseen else ("",):
        yield _folded(text, dict.fromkeys(unseen, gap))


def _folded(text: str, unseen: Mapping[int, str]) -> str:
    """In the order that keeps it linear: a run of marks is sorted by insertion where it is decomposed."""
    bare = _without_marks(text, {**_AS_APOSTROPHE, **_AS_BLANK, **unseen})
    plain = _without_marks(unicodedata.normalize("NFKD", bare), _AS_PLAIN)
    lines = (" ".join(line.split()) for line in _STOP_WITHIN.sub(" ", plain).splitlines())
    return "\n".join(filter(None, lines))


def _without_marks(text: str, others: Mapping[int, str]) -> str:
    marks = {ord(char): "" for char in set(text) if unicodedata.category(char) in _MARKS}
    return text.translate({**others, **marks})


def _is_unseen(char: str) -> bool:
    return char in _FILLERS or (unicodedata.category(char) in _UNSEEN and not char.isspace())
