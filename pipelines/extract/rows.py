"""Assembled conversations to rows of silver, by the contracts of `schemas.tables`."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from feedwheel_capture.events import Candidate
from feedwheel_capture.identity import Person
from feedwheel_capture.vocabulary import AppType

from feedback.conversation import Conversation, Position, Turn
from feedback.detectors.base import person_of
from feedback.detectors.reading import Reading
from feedback.judge import NOTHING_SAID, Judge, Judgement
from feedback.signal import Signal
from pipelines.extract.arrivals import Arrival
from pipelines.runs import canonical_json
from schemas.tables import SilverTable

Row = dict[str, Any]
SILVER_TABLES: Final[tuple[SilverTable, ...]] = ("silver/turns", "silver/signals", "silver/conversations")
"""The tables that conversations become, in the order in which they are committed."""


_NOBODY: Final = Person(user_key=None, user_key_id=0, split_bucket=0)


@dataclass(frozen=True, slots=True)
class Ending:
    """What the last revision of a conversation still says: it must say something, and nothing of anybody."""

    app: str
    app_type: AppType
    as_of: datetime


@dataclass(slots=True)
class SilverRows:
    """Rows of one batch of conversations, judged by one judge."""

    judge: Judge
    turns: list[Row] = field(default_factory=list)
    signals: list[Row] = field(default_factory=list)
    conversations: list[Row] = field(default_factory=list)

    def by_table(self) -> dict[SilverTable, list[Row]]:
        """The rows of each table."""
        return dict(zip(SILVER_TABLES, (self.turns, self.signals, self.conversations), strict=True))

    def add(self, read: Reading, revision: str) -> Judgement:
        """Judge one conversation, as it was read, and add it as a new revision."""
        conversation, judged = read.conversation, self.judge.judge(read)
        of = {"conversation_id": conversation.conversation_id, "revision": revision}
        self.turns += [of | _turn(turn, judged) for turn in conversation.turns]
        self.signals += [of | _signal(conversation, signal) for signal in judged.signals]
        self.conversations.append(of | _conversation(read, judged) | {"judged_by": self.judge.version})
        return judged

    def end(self, conversation_id: str, ending: Ending, events: Iterable[Position], revision: str) -> None:
        """Add the revision that ends a conversation: nothing of it may be used, so nothing of it is said.

        `events` are those that others said in it and that may be used if it comes to life again.
        """
        self.conversations.append(
            {
                "conversation_id": conversation_id,
                "revision": revision,
                **_person(_NOBODY, ending.app, simulated=False),
                "app_type": ending.app_type,
                "consent": "none",
                **dict.fromkeys(("first_time", "last_time", "as_of"), ending.as_of),
                "due_at": None,
                **dict.fromkeys(("turns", "signals", "duplicates", "unread_messages", "skewed_events"), 0),
                "satisfaction": NOTHING_SAID.satisfaction,
                "language": None,
                "judged_by": self.judge.version,
                "events": [_position(position) for position in sorted(events)],
            }
        )


def _person(person: Person, app: str, simulated: bool) -> Row:
    return {
        "app": app,
        "user_key": person.user_key,
        "user_key_id": person.user_key_id,
        "split_bucket": person.split_bucket,
        "simulated": simulated,
    }


def _position(position: Position) -> Row:
    return {
        "topic": position.topic,
        "partition": position.partition,
        "offset": position.offset,
        "topic_id": position.topic_id,
    }


def _turn(turn: Turn, judged: Judgement) -> Row:
    said = turn.generation
    exposure = turn.exposure.data if turn.exposure else None
    return {
        **_person(person_of(said), said.app, said.simulated),
        **_position(turn.event.position),
        "response_id": said.response_id,
        "parent_response_id": turn.parent,
        "regeneration_of": turn.regeneration_of,
        "turn_index": turn.index,
        "turn_time": turn.event.time,
        "time_skewed": turn.event.is_skewed,
        "consent": said.consent,
        "model": said.model,
        "model_version": said.model_version,
        "arm": said.arm,
        "release_id": said.release_id,
        "prompt_version": said.prompt_version,
        "prompt": turn.prompt and [{"role": message.role, "content": message.content} for message in turn.prompt],
        "output": turn.output,
        "output_length": said.output_length,
        "finish_reason": said.finish_reason,
        "latency_ms": said.latency_ms,
        "locale": said.locale,
        "retrieved_document_ids": said.retrieved_document_ids,
        "exposure_policy": exposure and exposure.policy,
        "exposure_propensity": exposure and exposure.propensity,
        "shift": judged.shifts.get(turn.response_id, 0.0),
        "p_dissatisfied": judged.dissatisfied[turn.response_id],
        "event_id": turn.event.event_id,
    }


def _signal(conversation: Conversation, signal: Signal) -> Row:
    start, end = signal.span or (None, None)
    return {
        **_person(signal.person, conversation.app, signal.simulated),
        "signal_id": signal_id(conversation.conversation_id, signal),
        "response_id": signal.response_id,
        "kind": signal.kind,
        "explicit": signal.explicit,
        "polarity": signal.polarity,
        "strength": signal.strength,
        "confidence": signal.confidence,
        "detector": signal.detector,
        "signal_time": signal.time,
        "surface": signal.surface,
        "category": signal.category,
        "edited_output": signal.edited_output,
        "options": signal.options and [_option(option) for option in signal.options],
        "chosen": signal.chosen,
        "text": signal.text,
        "span_start": start,
        "span_end": end,
        "event_ids": list(signal.event_ids),
    }


def _option(option: Candidate) -> Row:
    return {name: getattr(option, name) for name in option.__struct_fields__}


def signal_id(conversation_id: str, signal: Signal) -> str:
    """128 bits over what makes a signal this one: every revision, and every replay, gives it the same id."""
    identity = (conversation_id, signal.response_id, signal.kind, signal.detector, signal.event_ids)
    return hashlib.sha256(canonical_json(identity).encode()).hexdigest()[:32]


def _conversation(read: Reading, judged: Judgement) -> Row:
    conversation = read.conversation
    first = conversation.turns[0].generation
    return {
        **_person(person_of(first), conversation.app, first.simulated),
        "app_type": conversation.app_type,
        "consent": conversation.consent,
        "first_time": conversation.first_time,
        "last_time": conversation.last_time,
        "due_at": None if conversation.is_abandoned else conversation.due_at,
        "as_of": conversation.as_of,
        "turns": len(conversation.turns),
        "signals": len(judged.signals),
        "duplicates": conversation.duplicates,
        "unread_messages": conversation.unread_messages,
        "skewed_events": conversation.skewed_events,
        "satisfaction": judged.satisfaction,
        "language": read.language,
        "events": [_position(position) for position in sorted(conversation.outcomes)],
    }


def orphan_row(orphan: Arrival, app: str, as_of: Any) -> Row:
    """An event that waits for its answer or its conversation."""
    return {
        **_position(orphan.position),
        "app": app,
        "user_key": orphan.user_key,
        "response_id": orphan.response_id,
        "conversation_id": orphan.conversation_id,
        "event_id": orphan.event_id,
        "as_of": as_of,
    }
