"""ChatGPT's export: conversations as trees, thumbs, side-by-side choices, shared links.

In: the files conversations.json (large exports number them), message_feedback.json, model_comparisons.json and
shared_conversations.json. Out: events. An answer's id is that of the message that ends it, so what was said about it
finds it. Conversations are read first: a link that was shared has no time of its own in most exports.

A message's `weight` is not read: some exports give 0 to branches that were left, and these are what regenerations are.
"""

import functools
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, get_args

from feedwheel_capture.spool import Record
from feedwheel_capture.vocabulary import ComplaintCategory, FinishReason, Role

from feedback.capture.importers.conversations import Conversation, write
from feedback.capture.importers.export import Export
from feedback.capture.importers.refusal import Unreadable
from feedback.capture.importers.scribe import EXPORT_OWNER, Scribe
from feedback.capture.importers.stream import Progress, parts
from feedback.capture.importers.times import first_moment, moment
from feedback.capture.importers.tree import Node
from feedback.capture.importers.values import decoded, mapping, text_or_none

_ROLES: Final[dict[str, Role]] = {role: role for role in get_args(Role)}
_FINISHES: Final[dict[str, FinishReason]] = {"stop": "stop", "max_tokens": "length", "interrupted": "cancelled"}
_SPOKEN: Final = frozenset({"text", "multimodal_text", "code"})
"""Content that is said to somebody; thoughts, browsing and executed output are not."""
_MARKED: Final = re.compile("\ue200([^\ue200\ue201]*)\ue201")
"""What the page draws as a link, a card or a footnote: a kind and its fields, each after U+E202."""
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
_RATINGS: Final = {"thumbsup": 1.0, "thumbsdown": -1.0}


def read(export: Export, scribe: Scribe, progress: Progress | None = None) -> Iterator[Record]:
    """The events of an export. Raises ExportRefused."""
    reader = _Reader(scribe, _owner(export))
    for part in scribe.tally.whole(parts(export, export.named("conversations"), progress)):
        yield from scribe.tally.guarded(reader.conversation(part))
    for stem, read_one in (
        ("message_feedback", reader.message_feedback),
        ("model_comparisons", reader.comparison),
        ("shared_conversations", reader.share),
    ):
        for part in scribe.tally.whole(parts(export, export.named(stem))):
            yield from scribe.tally.guarded(read_one(part))


class _Reader:
    """Remembers of the conversations what the smaller files lack: when each ended, and where answers have parts.

    Its methods raise Unreadable.
    """

    def __init__(self, scribe: Scribe, user: str) -> None:
        self._scribe = scribe
        self._user = user
        self._ended = dict[str, datetime]()
        self._whole = dict[str, str]()
        """From an earlier part of an answer to the message that ends it."""

    def conversation(self, part: Mapping[str, Any]) -> Iterator[Record]:
        """The answers of a conversation."""
        conversation = _conversation(part)
        for answer, records in write(conversation, self._user, self._scribe):
            self._whole.update(dict.fromkeys(answer.parts, answer.node.id))
            if answer.time is not None:
                self._ended[conversation.id] = max(answer.time, self._ended.get(conversation.id, answer.time))
            yield from records

    def message_feedback(self, part: Mapping[str, Any]) -> Iterator[Record]:
        """A thumb, and a complaint if something was written or ticked beside a thumb down."""
        own_id = text_or_none(part.get("id"))
        # Exports before 2024 call the message's id `id`.
        message_id = text_or_none(part.get("message_id")) or own_id
        if message_id is None:
            raise Unreadable("no_id")
        rating = _RATINGS.get(str(part.get("rating")).lower().replace("_", ""))
        if rating is None:
            raise Unreadable("no_rating")
        conversation_id = text_or_none(part.get("conversation_id"))
        time = self._time(part, conversation_id)
        text, tags = _explained(part)
        say = functools.partial(
            self._scribe.feedback, response_id=self._answer(message_id), conversation_id=conversation_id
        )
        thumb = {"rating": rating, "scale": _THUMBS, "text": text if rating > 0 else None}
        yield from say("thumbs", thumb, time, self._user, own_id or message_id)
        if rating < 0 and (text or tags):
            complaint = {"text": text or ", ".join(tags), "category": _category(tags)}
            yield from say("complaint", complaint, time, self._user, own_id or message_id)

    def comparison(self, part: Mapping[str, Any]) -> Iterator[Record]:
        """Two answers, of which one was chosen. Not side by side but one after the other, the original was first."""
        step = _object(_object(part, "output"), "feedback_step_2")
        original, new = (self._last(step.get(name)) for name in ("original_turn", "new_turn"))
        if original is None or new is None:
            raise Unreadable("no_id")
        chosen = {"new": new, "original": original}.get(str(step.get("completion_comparison_rating")))
        if chosen is None:
            raise Unreadable("no_choice")
        conversation_id = text_or_none(_object(part, "input").get("conversation_id"))
        conversation_id = conversation_id or text_or_none(part.get("conversation_id"))
        shown = (new, original) if step.get("new_completion_placement") == "left" else (original, new)
        candidates = [{"response_id": answer, "position": shown.index(answer)} for answer in (original, new)]
        yield from self._scribe.feedback(
            "comparison",
            {"candidates": candidates, "chosen": chosen},
            self._time(part, conversation_id),
            self._user,
            text_or_none(part.get("id")) or f"{original}/{new}",
            response_id=chosen,
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

    def _answer(self, message_id: str) -> str:
        """The answer that a message is or is part of."""
        return self._whole.get(message_id, message_id)

    def _last(self, turn: Any) -> str | None:
        """The answer that a turn of a comparison is: its last message has its id."""
        last = turn[-1] if isinstance(turn, list) and turn else None
        message_id = text_or_none(mapping(last).get("id"))
        return message_id and self._answer(message_id)

    def _time(self, part: Mapping[str, Any], conversation_id: str | None) -> datetime:
        time = first_moment(part.get("create_time"), part.get("update_time")) or self._ended.get(conversation_id or "")
        if time is None:
            raise Unreadable("no_time")
        return time


def started(part: Mapping[str, Any]) -> datetime | None:
    """When a conversation began: its own time, else that of its first message, else of its last change."""
    if own := moment(part.get("create_time")):
        return own
    messages = (_object(mapping(node), "message") for node in _object(part, "mapping").values())
    times = [time for message in messages if (time := moment(message.get("create_time")))]
    return min(times, default=moment(part.get("update_time")))


def _conversation(part: Mapping[str, Any]) -> Conversation:
    conversation_id = text_or_none(part.get("conversation_id")) or text_or_none(part.get("id"))
    if conversation_id is None:
        raise Unreadable("no_id")
    model = text_or_none(part.get("default_model_slug")) or "unknown"
    return Conversation(conversation_id, started(part), list(_nodes(_object(part, "mapping"))), model)


def _nodes(tree: Mapping[str, Any]) -> Iterator[Node]:
    parents = _parents(tree)
    for name, node in tree.items():
        message = _object(mapping(node), "message")
        metadata = _object(message, "metadata")
        role = _ROLES.get(str(_object(message, "author").get("role")), "system")
        text = _text(_object(message, "content"))
        tool = _tool(message) if role == "assistant" else None
        is_hidden = tool is not None or metadata.get("is_visually_hidden_from_conversation")
        yield Node(
            id=name,
            parent=parents.get(name),
            role=role,
            text=None if is_hidden else text,
            time=moment(message.get("create_time")),
            calls=() if tool is None else ((tool, text or ""),),
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


def _tool(message: Mapping[str, Any]) -> str | None:
    """The tool that the assistant turns to, if it speaks to no person. Code is for a tool, whomever it is sent to."""
    recipient = text_or_none(message.get("recipient"))
    if recipient not in (None, "all"):
        return recipient
    return "code" if _object(message, "content").get("content_type") == "code" else None


def _facts(metadata: Mapping[str, Any]) -> dict[str, Any]:
    finish = _FINISHES.get(str(_object(metadata, "finish_details").get("type")), "stop")
    model = text_or_none(metadata.get("model_slug"))
    return {"finish_reason": finish, **({"model": model} if model else {})}


def _text(content: Mapping[str, Any]) -> str | None:
    """What is said, '' where it is a picture or a file; None where it is not said to anybody."""
    if str(content.get("content_type", "text")) not in _SPOKEN:
        return None
    held = content.get("parts")
    # Of what was spoken aloud, a part has the text; of a picture, none.
    said = [mapping(part).get("text", part) for part in held] if isinstance(held, list) else [content.get("text")]
    return _MARKED.sub(_drawn, "\n".join(text for text in said if isinstance(text, str) and text))


def _drawn(marked: re.Match[str]) -> str:
    """What a person reads in place of something marked: the name of a thing or of a link, and nothing of a footnote."""
    kind, _, held = marked[1].partition("\ue202")
    if kind == "entity":
        named = decoded(held)
        return str(named[1]) if isinstance(named, list) and len(named) > 1 else ""
    return held.partition("\ue202")[0] if kind == "url" else ""


def _explained(part: Mapping[str, Any]) -> tuple[str | None, list[str]]:
    """Text and tags of a message's feedback: JSON within JSON, a text, or beside the rating."""
    content = decoded(part.get("content") or part)
    if isinstance(content, str):
        return content, []
    tags = mapping(content).get("tags")
    named = [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
    return text_or_none(mapping(content).get("text")), named


def _category(tags: list[str]) -> ComplaintCategory:
    return next((category for tag, category in _TAGS.items() if tag in tags), "bad")


def _owner(export: Export) -> str:
    for part in parts(export, export.named("user")):
        if isinstance(part, dict) and (owner := text_or_none(part.get("id"))):
            return owner
    return EXPORT_OWNER


def _object(holder: Mapping[str, Any], name: str) -> dict[str, Any]:
    return mapping(holder.get(name))
