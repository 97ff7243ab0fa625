"""From a conversation as a tree to the events of its answers; what the importers of chat products share.

In: the nodes of one conversation. Out: one event per answer. A conversation that cannot be read is left out as a whole.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeGuard

from feedwheel_capture.spool import Record

from feedback.capture.importers.refusal import Skipped, SkipReason
from feedback.capture.importers.scribe import Scribe
from feedback.capture.importers.stream import Part
from feedback.capture.importers.tree import MAX_MESSAGES, Answered, Node, answers, unreachable

_EXACT: Final = 2.0**53
"""From here on floats skip integers."""


@dataclass(frozen=True, slots=True)
class Told:
    """One conversation as an export tells it."""

    id: str
    started: datetime | None
    nodes: Sequence[Node]
    model: str


class Unreadable(Exception):
    """A part that is left out; only importers see it."""

    def __init__(self, reason: SkipReason) -> None:
        super().__init__(reason)
        self.reason: SkipReason = reason


def is_whole(part: Part, scribe: Scribe) -> TypeGuard[dict[str, Any]]:
    """Whether a part can be read; counts it if not."""
    if isinstance(part, Skipped):
        scribe.tally.skip(part.reason)
        return False
    return True


def write(told: Told, user: str | None, scribe: Scribe) -> Iterator[tuple[Answered, list[Record]]]:
    """The answers of a conversation, each with its event if it has one. Raises Unreadable before the first."""
    if len(told.nodes) > MAX_MESSAGES:
        raise Unreadable("too_large")
    if not told.nodes:
        raise Unreadable("no_messages")
    scribe.tally.conversations += 1
    scribe.tally.skip("unreachable", unreachable(told.nodes))
    found = False
    for answer in answers(told.nodes, scribe.target.identity, told.started):
        found = True
        if answer.time is None:
            scribe.tally.skip("no_time")
            continue
        yield answer, list(scribe.answer(answer.thread, answer.text, answer.time, user, _facts(told, answer)))
    if not found:
        scribe.tally.skip("no_answer")


def _facts(told: Told, answer: Answered) -> dict[str, Any]:
    return {
        "response_id": answer.node.id,
        "conversation_id": told.id,
        "parent_response_id": answer.parent_response_id,
        "model": told.model,
        "tool_calls": [{"name": name, "arguments": arguments} for name, arguments in answer.calls],
        **(answer.node.facts or {}),
    }


def text_or_none(value: Any) -> str | None:
    """A name or id that an export gives; None where it is empty or no text."""
    return value if isinstance(value, str) and value else None


def mapping(value: Any) -> dict[str, Any]:
    """An object of an export; an empty one where it is something else."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list of an export."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def number(value: Any) -> float | None:
    """A finite number of an export; None where it gives none. True is 1."""
    try:
        found = float(value) if isinstance(value, int | float) else math.nan
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def count(value: Any) -> int:
    """A number of something, such as tokens, below 2**53; 0 where an export gives none."""
    found = number(value) or 0.0
    return int(found) if 0 <= found < _EXACT else 0
