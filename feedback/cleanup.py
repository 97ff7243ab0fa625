"""Cleanup: what pasting leaves in a text that a person wrote as the answer, and no model should learn.

In: a wanted answer. Out: the same as text. Characters that nobody sees go; entities become characters; tags go where
the whole text stands in one, as when it is pasted from a page. Code stands as it is, Markdown too: it is how models
answer. What was asked is never touched: it is what the model will see again.
"""

import html
import re
import unicodedata
from typing import Final

_CODE: Final = re.compile(r"(```.*?```|`[^`\n]*`)", re.DOTALL)
_UNSEEN: Final = re.compile(r"[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u00ad\u200b\u2060\ufeff]")
"""Controls, soft hyphens, zero-width spaces; zero-width joiners stay: emoji and several scripts need them."""
_BREAK: Final = re.compile(r"<(?:br|/p|/div|/li|/tr|/h[1-6])\b[^<>]{0,200}>", re.IGNORECASE)
_TAG: Final = re.compile(r"</?[a-z][a-z0-9]{0,15}(?:\s[^<>]{0,500})?/?>", re.IGNORECASE)
_PASTED: Final = re.compile(
    r"\s*<(p|div|span|ul|ol|li|html|body|table|h[1-6]|b|i|strong|em)\b[^<>]*>.*</\1>\s*", re.DOTALL | re.IGNORECASE
)
_ENTITY: Final = re.compile(r"&(?:#\d{1,6}|#x[0-9a-f]{1,5}|amp|lt|gt|quot|apos|nbsp);", re.IGNORECASE)
_BLANK_LINES: Final = re.compile(r"\n[ \t]*(?:\n[ \t]*){2,}")


def clean(text: str) -> str:
    """The text as its writer saw it."""
    parts = _CODE.split(text)
    is_pasted = _PASTED.fullmatch(text) is not None
    # Every second part is code.
    return "".join(part if place % 2 else _prose(part, is_pasted) for place, part in enumerate(parts)).strip()


def _prose(text: str, is_pasted: bool) -> str:
    if is_pasted:
        text = _TAG.sub("", _BREAK.sub("\n", text))
    text = _ENTITY.sub(lambda found: html.unescape(found.group()), text)
    text = _BLANK_LINES.sub("\n\n", _UNSEEN.sub("", text).replace("\xa0", " "))
    return unicodedata.normalize("NFC", text)
