"""Whether an answer has the form that was asked for: no judgement of what it says."""

from typing import Final

from feedwheel_capture.vocabulary import FinishReason, ResponseFormat

from schemas.errors import UsageError
from serving.engine.json_text import decoded
from serving.engine.tools import OPENING, read

_UNFINISHED: Final[frozenset[FinishReason]] = frozenset({"length", "content_filter"})


def breaks_form(text: str, reason: FinishReason, response_format: ResponseFormat | None, *, has_tools: bool) -> bool:
    """Whether it was cut off, or is no JSON where JSON was asked for, or begins a tool call that cannot be read."""
    if reason in _UNFINISHED:
        return True
    content, calls = read(text) if has_tools else (text, ())
    if has_tools and (calls or OPENING in text):
        return not calls
    return response_format in ("json_object", "json_schema") and not _is_json(content)


def _is_json(text: str) -> bool:
    try:
        decoded(text)
    except UsageError:
        return False
    return True
