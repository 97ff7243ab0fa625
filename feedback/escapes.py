"""JSON's escapes: what a text says to whoever reads it as JSON, and changes to it that leave it JSON.

Not a parser: answers are JSON as a whole, in parts (tool calls), cut off, or not at all.
"""

import json
import re
from collections.abc import Callable
from typing import Final

_ESCAPES: Final = re.compile(r'(?:\\(?:u[0-9a-fA-F]{4}|["\\/bfnrt]))+')
"""Several at once: half of a surrogate pair alone says nothing."""
_STRING: Final = re.compile(r'\\.|"((?:[^"\\]|\\.)*)(?:"|\\?\Z)', re.DOTALL)
"""Up to its end or that of the text; an escaped quotation mark outside begins none. Linear."""


def unescaped(text: str) -> str:
    """The text with every escape in it replaced by what it stands for."""
    return _ESCAPES.sub(lambda found: _meant(found[0]), text) if "\\" in text else text


def in_strings(text: str, change: Callable[[str], str]) -> str:
    """The text with a change made to what its strings with escapes say; others stay as they are."""

    def changed(found: re.Match[str]) -> str:
        if not found[1] or "\\" not in found[1]:
            return found[0]
        said = unescaped(found[1])
        if (says := change(said)) == said:
            return found[0]
        return found[0].replace(found[1], json.dumps(says, ensure_ascii=False)[1:-1], 1)

    return _STRING.sub(changed, text) if "\\" in text else text


def _meant(escapes: str) -> str:
    said: str = json.loads(f'"{escapes}"')
    return said.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
