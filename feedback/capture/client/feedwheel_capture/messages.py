"""Messages as applications have them, in OpenAI's shape, to who said what."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from feedwheel_capture.errors import WrongValue
from feedwheel_capture.thread import Said
from feedwheel_capture.vocabulary import Role

_ROLES: Final[dict[str, Role]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}


def check_messages(messages: Any) -> None:
    """Raise WrongValue unless these are messages, each of a known role: another's words would count as the person's."""
    if not isinstance(messages, list | tuple):
        raise WrongValue("messages must be a list of messages")
    for place, message in enumerate(messages):
        if _get(message, "role") not in _ROLES:
            raise WrongValue(f"messages[{place}].role can be {', '.join(_ROLES)}")


def said(messages: Sequence[Mapping[str, Any]]) -> list[Said]:
    """Role and text of each message; parts that are no text, such as images, leave none."""
    return [(_ROLES.get(str(_get(message, "role")), "user"), text_of(_get(message, "content"))) for message in messages]


def text_of(content: Any) -> str:
    """The text of a content: a string, a list of parts, or nothing."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list | tuple) else []
    return "".join(str(_get(part, "text") or "") for part in parts if _get(part, "type") in ("text", "input_text"))


def _get(item: Any, name: str) -> Any:
    """A field of a mapping, or of an object of a client library."""
    return item.get(name) if isinstance(item, Mapping) else getattr(item, name, None)
