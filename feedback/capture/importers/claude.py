"""Claude's export: conversations as lists of messages.

In: conversations.json. Out: events. A second answer to the same message is a regeneration; newer exports name each
message's parent, in older ones an answer belongs to the last message of the person.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from feedwheel_capture.messages import text_of
from feedwheel_capture.spool import Record

from feedback.capture.importers.conversations import Told, Unreadable, is_whole, mapping, objects, text_or_none, write
from feedback.capture.importers.export import Export
from feedback.capture.importers.scribe import EXPORT_OWNER, Scribe
from feedback.capture.importers.stream import Told as Progress
from feedback.capture.importers.stream import parts
from feedback.capture.importers.times import moment
from feedback.capture.importers.tree import Node

_MODEL: Final = "claude"
"""The export does not say which."""


def read(export: Export, scribe: Scribe, progress: Progress | None = None) -> Iterator[Record]:
    """The events of an export. Raises ExportRefused."""
    for name in export.named("conversations"):
        for part in parts(export, name, progress):
            if not is_whole(part, scribe):
                continue
            try:
                for _, records in write(tell(part), _owner(part), scribe):
                    yield from records
            except Unreadable as error:
                scribe.tally.skip(error.reason)


def tell(part: Mapping[str, Any]) -> Told:
    """A conversation of the export. Raises Unreadable."""
    conversation_id = text_or_none(part.get("uuid"))
    if conversation_id is None:
        raise Unreadable("no_id")
    return Told(conversation_id, started(part), list(_nodes(part)), text_or_none(part.get("model")) or _MODEL)


def started(part: Mapping[str, Any]) -> datetime | None:
    """When a conversation began: its own time, else that of its first message, else of its last change."""
    times = [time for message in objects(part.get("chat_messages")) if (time := moment(message.get("created_at")))]
    return moment(part.get("created_at")) or min(times, default=moment(part.get("updated_at")))


def _nodes(part: Mapping[str, Any]) -> Iterator[Node]:
    messages = objects(part.get("chat_messages"))
    known = {message.get("uuid") for message in messages if isinstance(message.get("uuid"), str)}
    asked: str | None = None
    previous: str | None = None
    for place, message in enumerate(messages):
        name = text_or_none(message.get("uuid")) or f"{part['uuid']}/{place}"
        is_answer = message.get("sender") == "assistant"
        named = message.get("parent_message_uuid")
        parent = named if isinstance(named, str) and named in known else asked if is_answer else previous
        yield Node(
            id=name,
            parent=parent,
            role="assistant" if is_answer else "user",
            text=text_of(message.get("content")) or text_or_none(message.get("text")) or "",
            time=moment(message.get("created_at")),
        )
        asked, previous = (asked, name) if is_answer else (name, name)


def _owner(part: Mapping[str, Any]) -> str:
    return text_or_none(mapping(part.get("account")).get("uuid")) or EXPORT_OWNER
