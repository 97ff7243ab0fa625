"""Claude's export: conversations as lists of messages.

In: conversations.json. Out: events. A second answer to the same message is a regeneration; newer exports name each
message's parent, in older ones an answer belongs to the last message of the person.
"""

import itertools
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from feedwheel_capture.spool import Record

from feedback.capture.importers.conversations import Conversation, write
from feedback.capture.importers.export import Export
from feedback.capture.importers.refusal import Unreadable
from feedback.capture.importers.scribe import EXPORT_OWNER, Scribe
from feedback.capture.importers.stream import Progress, parts
from feedback.capture.importers.times import moment
from feedback.capture.importers.tree import Call, Node
from feedback.capture.importers.values import as_text, mapping, objects, text_or_none

_MODEL: Final = "claude"
"""The export does not say which."""


def read(export: Export, scribe: Scribe, progress: Progress | None = None) -> Iterator[Record]:
    """The events of an export. Raises ExportRefused."""
    for part in scribe.tally.whole(parts(export, export.named("conversations"), progress)):
        yield from scribe.tally.guarded(_conversation(part, scribe))


def _conversation(part: Mapping[str, Any], scribe: Scribe) -> Iterator[Record]:
    conversation_id = text_or_none(part.get("uuid"))
    if conversation_id is None:
        raise Unreadable("no_id")
    model = text_or_none(part.get("model")) or _MODEL
    conversation = Conversation(conversation_id, started(part), list(_nodes(part)), model)
    owner = text_or_none(mapping(part.get("account")).get("uuid")) or EXPORT_OWNER
    for _, records in write(conversation, owner, scribe):
        yield from records


def started(part: Mapping[str, Any]) -> datetime | None:
    """When a conversation began: its own time, else that of its first message, else of its last change."""
    times = [time for message in objects(part.get("chat_messages")) if (time := moment(message.get("created_at")))]
    return moment(part.get("created_at")) or min(times, default=moment(part.get("updated_at")))


def _nodes(part: Mapping[str, Any]) -> Iterator[Node]:
    asked: str | None = None
    previous: str | None = None
    for place, message in enumerate(objects(part.get("chat_messages"))):
        name = text_or_none(message.get("uuid")) or f"{part['uuid']}/{place}"
        is_answer = message.get("sender") == "assistant"
        yield Node(
            id=name,
            # Every first message of a conversation, edited ones too, has an id for its parent that is no message's.
            parent=text_or_none(message.get("parent_message_uuid")) or (asked if is_answer else previous),
            role="assistant" if is_answer else "user",
            text=_text(message),
            time=moment(message.get("created_at")),
            calls=tuple(_calls(message)),
        )
        asked, previous = (asked, name) if is_answer else (name, name)


def _text(message: Mapping[str, Any]) -> str:
    """What was written, and below it what was pasted or attached. Thoughts and tools part blocks of text."""
    runs = itertools.groupby(objects(message.get("content")), lambda block: block.get("type") == "text")
    written = ["".join(as_text(block.get("text")) for block in blocks) for is_text, blocks in runs if is_text]
    if not any(written):  # older exports have no blocks
        written = [text_or_none(message.get("text")) or ""]
    attached = [text_or_none(file.get("extracted_content")) for file in objects(message.get("attachments"))]
    return "\n\n".join(filter(None, [*written, *attached]))


def _calls(message: Mapping[str, Any]) -> Iterator[Call]:
    for block in objects(message.get("content")):
        if block.get("type") == "tool_use":
            yield as_text(block.get("name")), as_text(block.get("input"))
