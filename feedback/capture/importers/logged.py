"""What observability products log of a request: any JSON, in which messages and answers are looked for.

In: an input or an output, perhaps as JSON within JSON. Out: messages in OpenAI's shape, or text.
"""

from typing import Any

from feedwheel_capture.messages import text_of

from feedback.capture.importers.values import as_text, decoded, objects


def messages_of(value: Any) -> list[dict[str, Any]]:
    """An input as messages: a list of them, an object that holds one, or anything else as what the person said."""
    value = decoded(value)
    held = value.get("messages") if isinstance(value, dict) else value
    found = [message for message in objects(held) if "role" in message]
    return found or [{"role": "user", "content": said(value)}]


def said(value: Any) -> str:
    """The text of an output: a message, its content, or whatever it is as JSON."""
    value = decoded(value)
    if isinstance(value, dict) and "content" in value:
        return text_of(value["content"])
    messages = objects(value)
    if messages and all("role" in message for message in messages):
        return "\n\n".join(filter(None, (text_of(message.get("content")) for message in messages)))
    return as_text(value)
