"""Word lists: names of many countries, and words that are none.

In: the text files of the folder `lexicon`, each with a note on where it comes from. Out: sets of words in lower case
without accents, and their digest.
"""

import hashlib
import unicodedata
from functools import cache
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).with_name("lexicon")


@cache
def listed(name: str) -> frozenset[str]:
    """Words of the list `name`."""
    lines = (_FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


@cache
def digest() -> str:
    """SHA-256 over all lists."""
    found = hashlib.sha256()
    for path in sorted(_FOLDER.glob("*.txt")):
        found.update(path.name.encode())
        found.update(path.read_bytes())
    return found.hexdigest()


def folded(word: str) -> str:
    """In lower case without accents, as the lists have it."""
    if word.isascii():
        return word.lower()
    decomposed = unicodedata.normalize("NFKD", word.lower().translate(_LETTERS))
    return "".join(char for char in decomposed if not unicodedata.combining(char))


_LETTERS: Final = str.maketrans(
    {"ß": "ss", "ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "\u0131": "i", "\u2019": "'"}
)
"""Letters that do not come apart into a letter and an accent."""
