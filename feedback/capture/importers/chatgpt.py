"""ChatGPT's export: conversations as trees, thumbs, side-by-side choices, shared links.

In: the files conversations.json (large exports number them), message_feedback.json, model_comparisons.json and
shared_conversations.json. Out: events. An answer's id is that of the message that ends it, so what was said about it
finds it. Conversations are read first: a link that was shared has no time of its own in most exports.
"""

import functools
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from feedwheel_capture.spool import Record
from feedwheel_capture.vocabulary import ComplaintCategory, FinishReason, Role

from feedback.capture.importers.conversations import Told, Unreadable, is_whole, mapping, text_or_none, write
from feedback.capture.importers.export import Export
from feedback.capture.importers.scribe import EXPORT_OWNER, Scribe
from feedback.capture.importers.stream import Told as Progress
from feedback.capture.importers.stream import parts
from feedback.capture.importers.times import moment
from feedback.capture.importers.tree import Node

_ROLES: Final[dict[str, Role]] = {"user": "user", "assistant": "assistant", "system": "system", "tool": "tool"}
_FINISHES: Final[dict[str, FinishReason]] = {"stop": "stop", "max_tokens": "length", "interrupted": "cancelled"}
_SPOKEN: Final = frozenset({"text", "multimodal_text", "code"})
"""Content that is said to somebody; thoughts, browsing and executed output are not."""
_TAGS: Final[dict[str, ComplaintCategory]] = {
    "harmful": "toxic",
    "false": "wrong",
    "incorrect": "wrong",
    "not-factually-correct": "wrong",
    "not-helpful": "bad",
    "didnt-follow-instructions": "irrelevant",
    "incomplete": "missing_detail",
}
"""From the worst to the mildest; of several the first counts."""
_THUMBS: Final = (-1.0, 1.0)


def read(export: Export, scribe: Scribe, progress: Progress | None = None) -> Iterator[Record]:
    """The events of an export. Raises ExportRefused."""
    reader = _Reader(export, scribe)
    for name in export.named("conversations"):
        for part in parts(export, name, progress):
            if is_whole(part, scribe):
                yield from reader.conversation(part)
    for stem, write_one in (
        ("message_feedback", reader.message_feedback),
        ("model_comparisons", reader.comparison),
        ("shared_conversations", reader.share),
    ):
        for name in export.named(stem):
            for part in parts(export, name):
                if is_whole(part, scribe):
                    yield from reader.guarded(write_one, part)


class _Reader:
    """Remembers of the conversations what the smaller files lack: when each ended, and where answers have parts."""

    def __init__(self, export: Export, scribe: Scribe) -> None:
        self._scribe = scribe
        self._user = _owner(export)
        self._ended = dict[str, datetime]()
        self._whole = dict[str, str]()
        """From an earlier part of an answer to the message that ends it."""

    def guarded(self, write_one: Any, part: Any) -> Iterator[Record]:
        """What a part becomes; counted if it cannot be read."""
        try:
            yield from write_one(part)
        except Unreadable as error:
            self._scribe.tally.skip(error.reason)

    def conversation(self, part: Mapping[str, Any]) -> Iterator[Record]:
        """A conversation."""
        yield from self.guarded(self._conversation, part)

    def _conversation(self, part: Mapping[str, Any]) -> Iterator[Record]:
        told = tell(part)
        for answer, records in write(told, self._user, self._scribe):
            self._whole.update(dict.fromkeys(answer.parts, answer.node.id))
            if answer.time is not None:
                self._ended[told.id] = max(answer.time, self._ended.get(told.id, answer.time))
            yield from records

    def message_feedback(self, part: Mapping[str, Any]) -> Iterator[Record]:
        """A thumb, and a complaint if something was written or ticked beside a thumb down."""
        # Exports before 2024 call the message's id `id`.
        named = text_or_none(part.get("message_id")) or text_or_none(part.get("id"))
        if named is None:
            raise Unreadable("no_id")
        rating = str(part.get("rating")).lower().replace("_", "")
        if rating not in ("thumbsup", "thumbsdown"):
            raise Unreadable("no_rating")
        is_up = rating == "thumbsup"
        conversation_id = text_or_none(part.get("conversation_id"))
        time = self._time(part, conversation_id)
        text, tags = _content(part.get("content"))
        say = functools.partial(
            self._scribe.feedback, response_id=self._whole.get(named, named), conversation_id=conversation_id
        )
        thumb = {"rating": 1.0 if is_up else -1.0, "scale": _THUMBS, "text": text if is_up else None}
        yield from say("thumbs", thumb, time, self._user, named)
        if not is_up and (text or tags):
            complaint = {"text": text or ", ".join(tags), "category": _category(tags)}
            yield from say("complaint", complaint, time, self._user, named)

    def comparison(self, part: Mapping[str, Any]) -> Iterator[Record]:
        """Two answers side by side, of which one was chosen."""
        step = _object(_object(part, "output"), "feedback_step_2")
        original, new = (_last_id(step.get(name)) for name in ("original_turn", "new_turn"))
        if original is None or new is None:
            raise Unreadable("no_id")
        chosen = {"new": new, "original": original}.get(str(step.get("completion_comparison_rating")))
        if chosen is None:
            raise Unreadable("no_choice")
        conversation_id = text_or_none(_object(part, "input").get("conversation_id"))
        conversation_id = conversation_id or text_or_none(part.get("conversation_id"))
        is_left = step.get("new_completion_placement") == "left"
        value = {
            "candidates": [
                {"response_id": self._whole.get(original, original), "position": int(is_left)},
                {"response_id": self._whole.get(new, new), "position": int(not is_left)},
            ],
            "chosen": self._whole.get(chosen, chosen),
        }
        yield from self._scribe.feedback(
            "comparison",
            value,
            self._time(part, conversation_id),
            self._user,
            text_or_none(part.get("id")) or f"{original}/{new}",
            response_id=self._whole.get(chosen, chosen),
            conversation_id=conversation_id,
        )

    def share(self, part: Mapping[str, Any]) -> Iterator[Record]:
        """A conversation that was shared by a link."""
        conversation_id = text_or_none(part.get("conversation_id"))
        if conversation_id is None:
            raise Unreadable("no_id")
        name = text_or_none(part.get("id")) or conversation_id
        time = self._time(part, conversation_id)
        yield from self._scribe.feedback("share", {}, time, self._user, name, conversation_id=conversation_id)

    def _time(self, part: Mapping[str, Any], conversation_id: str | None) -> datetime:
        time = moment(part.get("create_time")) or moment(part.get("update_time"))
        time = time or self._ended.get(conversation_id or "")
        if time is None:
            raise Unreadable("no_time")
        return time


def tell(part: Mapping[str, Any]) -> Told:
    """A conversation of the export. Raises Unreadable."""
    conversation_id = text_or_none(part.get("conversation_id")) or text_or_none(part.get("id"))
    if conversation_id is None:
        raise Unreadable("no_id")
    nodes = list(_nodes(_object(part, "mapping")))
    model = text_or_none(part.get("default_model_slug")) or "unknown"
    return Told(conversation_id, started(part), nodes, model)


def started(part: Mapping[str, Any]) -> datetime | None:
    """When a conversation began: its own time, else that of its first message, else of its last change."""
    if own := moment(part.get("create_time")):
        return own
    nodes = _object(part, "mapping").values()
    times = [time for node in nodes if (time := moment(_object(mapping(node), "message").get("create_time")))]
    return min(times, default=moment(part.get("update_time")))


def _nodes(tree: Mapping[str, Any]) -> Iterator[Node]:
    parents = _parents(tree)
    for name, node in tree.items():
        message = _object(mapping(node), "message")
        metadata = _object(message, "metadata")
        role = _ROLES.get(str(_object(message, "author").get("role")), "system")
        text = "" if metadata.get("is_visually_hidden_from_conversation") else _text(message.get("content"))
        tool = text_or_none(message.get("recipient"))
        is_call = role == "assistant" and tool not in (None, "all")
        yield Node(
            id=name,
            parent=parents.get(name),
            role=role,
            text="" if is_call else text,
            time=moment(message.get("create_time")),
            call=(str(tool), text) if is_call else None,
            facts=_facts(metadata),
        )


def _parents(tree: Mapping[str, Any]) -> dict[str, str]:
    """A node names its parent; where it does not, the parent names its children."""
    parents = dict[str, str]()
    for name, node in tree.items():
        children = mapping(node).get("children")
        named = children if isinstance(children, list) else ()
        parents.update({child: name for child in named if isinstance(child, str)})
    for name, node in tree.items():
        if parent := text_or_none(mapping(node).get("parent")):
            parents[name] = parent
    return parents


def _facts(metadata: Mapping[str, Any]) -> dict[str, Any]:
    finish = _FINISHES.get(str(_object(metadata, "finish_details").get("type")), "stop")
    model = text_or_none(metadata.get("model_slug"))
    return {"finish_reason": finish, **({"model": model} if model else {})}


def _text(content: Any) -> str:
    content = mapping(content)
    if str(content.get("content_type", "text")) not in _SPOKEN:
        return ""
    parts = content.get("parts")
    said = [_part_text(part) for part in parts] if isinstance(parts, list) else [content.get("text")]
    return "\n".join(text for text in said if isinstance(text, str) and text)


def _part_text(part: Any) -> Any:
    """A text, or what was heard; pictures leave none."""
    return part.get("text") if isinstance(part, dict) else part


def _content(content: Any) -> tuple[str | None, list[str]]:
    """Text and tags of a message's feedback, which is JSON within JSON."""
    if isinstance(content, str):
        try:
            content = msgspec.json.decode(content)
        except (msgspec.DecodeError, RecursionError):
            return content or None, []
    content = mapping(content)
    tags = content.get("tags")
    return text_or_none(content.get("text")), [tag for tag in tags if isinstance(tag, str)] if isinstance(
        tags, list
    ) else []


def _category(tags: list[str]) -> ComplaintCategory:
    return next((category for tag, category in _TAGS.items() if tag in tags), "bad")


def _last_id(turn: Any) -> str | None:
    """The message that ends a turn of a comparison."""
    ids = [text_or_none(mapping(message).get("id")) for message in turn] if isinstance(turn, list) else []
    return ids[-1] if ids else None


def _owner(export: Export) -> str:
    for name in export.named("user"):
        for part in parts(export, name):
            if isinstance(part, dict) and (owner := text_or_none(part.get("id"))):
                return owner
    return EXPORT_OWNER


def _object(holder: Mapping[str, Any], name: str) -> dict[str, Any]:
    return mapping(holder.get(name))
