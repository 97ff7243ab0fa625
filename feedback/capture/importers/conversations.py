"""From a conversation as a tree to the events of its answers; what the importers of chat products share.

In: the nodes of one conversation. Out: one event per answer. A conversation that cannot be read is left out as a whole.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from feedwheel_capture.spool import Record

from feedback.capture.importers.refusal import Unreadable
from feedback.capture.importers.scribe import Scribe
from feedback.capture.importers.tree import Answered, Node, answers, unreachable

MAX_MESSAGES: Final = 20_000
"""Of one conversation; the longest known have some thousands."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation as an export tells it. `model` is that of answers which name none."""

    id: str
    started: datetime | None
    nodes: Sequence[Node]
    model: str


def write(conversation: Conversation, user: str | None, scribe: Scribe) -> Iterator[tuple[Answered, list[Record]]]:
    """The answers of a conversation, each with its event if it has one. Raises Unreadable before the first."""
    if len(conversation.nodes) > MAX_MESSAGES:
        raise Unreadable("too_large")
    if not conversation.nodes:
        raise Unreadable("no_messages")
    scribe.tally.conversations += 1
    scribe.tally.skip("unreachable", unreachable(conversation.nodes))
    found = False
    for answer in answers(conversation.nodes, scribe.target.identity, conversation.started):
        found = True
        if answer.time is None:
            scribe.tally.skip("no_time")
            continue
        yield answer, list(scribe.answer(answer.thread, answer.text, answer.time, user, _facts(conversation, answer)))
    if not found:
        scribe.tally.skip("no_answer")


def _facts(conversation: Conversation, answer: Answered) -> dict[str, Any]:
    return {
        "response_id": answer.node.id,
        "conversation_id": conversation.id,
        "parent_response_id": answer.parent_response_id,
        "model": conversation.model,
        "tool_calls": [{"name": name, "arguments": arguments} for name, arguments in answer.calls],
        **answer.node.facts,
    }
