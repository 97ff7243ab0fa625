"""What the people of an application allow, and what that withholds of what is stored.

In: `bronze/privacy`, where every change of a consent is. Out: the limit of each person who ever withheld anything, and
the stored events and conversations that it concerns. The rule is `feedback.consent`; people are one across key layers
(`pipelines.people`).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from feedwheel_capture.catalogue import TYPE_OF_RECORD
from feedwheel_capture.events import ConsentChange, Erasure
from feedwheel_capture.vocabulary import Consent

from feedback.consent import Change, Limit, as_allowed, limit_of
from feedback.conversation import Logged, Position, happened_at
from pipelines.bronze import (
    CONVERSATION_TABLES,
    POSITION,
    ConversationTable,
    Offsets,
    accepted,
    partition_of,
    position_of,
)
from pipelines.io.lake import Lake
from pipelines.people import UserKeys, stored_keys

_ERASURE: Final = TYPE_OF_RECORD[Erasure].versioned_name
_CHANGES: Final = [TYPE_OF_RECORD[ConsentChange].versioned_name, _ERASURE]
_CHANGE: Final = (*POSITION, "event_time", "appended_at", "user_key", "user_key_id", "consent")


@dataclass(frozen=True, slots=True)
class Horizon:
    """How far somebody has read the changes of consent, and how many layers of keys they could lift then."""

    offsets: Offsets
    layers: int


@dataclass(frozen=True, slots=True)
class StoredChange:
    """A change of consent as bronze holds it. `person` is the newest key, None if the change names nobody.

    `known_layers`: whether the key has no more layers than this deployment; else it meets only events of the same key.
    """

    position: Position
    person: str | None
    known_layers: bool
    change: Change

    def is_below(self, offsets: Offsets) -> bool:
        """Whether whoever has read bronze up to `offsets` has read it."""
        return self.position.offset < offsets.get(partition_of(self.position), 0)


@dataclass(frozen=True, slots=True)
class Consents:
    """The changes of one application, and the limits that follow. Grows with the people who withheld anything."""

    keys: UserKeys
    changes: tuple[StoredChange, ...]
    limits: Mapping[str, Limit]

    def limit(self, user_key: str | None, user_key_id: int, time: datetime) -> Consent:
        """The most that may be used of what a person did at `time`, whatever the event itself carries."""
        if user_key is None:
            return "content"
        found = self.limits.get(self.keys.newest(user_key, user_key_id))
        return found.at(time) if found else "content"

    def present(self, event: Logged[Any]) -> Logged[Any] | None:
        """The event as it may be used now, under the newest key of its person; None if it may not be used."""
        said = event.data
        allowed = as_allowed(said, self.limit(said.user_key, said.user_key_id, event.time))
        if allowed is None:
            return None
        if allowed.user_key is not None and self.keys.is_older(allowed.user_key_id):
            newest = self.keys.newest(allowed.user_key, allowed.user_key_id)
            allowed = msgspec.structs.replace(allowed, user_key=newest, user_key_id=len(self.keys.layers))
        return event if allowed is said else replace(event, data=allowed)

    def beyond(self, offsets: Offsets) -> tuple[StoredChange, ...]:
        """The changes that whoever has read bronze up to `offsets` does not know."""
        return tuple(stored for stored in self.changes if not stored.is_below(offsets))

    def unknown_to(self, horizon: Horizon) -> frozenset[str]:
        """Of the people who withhold something, those of whom such a reader does not know every change.

        Who lacked a layer may have read a change, or an event, and not have seen whose it was.
        """
        if horizon.layers < len(self.keys.layers):
            return frozenset(self.limits)
        return frozenset(self.limits.keys() & {stored.person for stored in self.beyond(horizon.offsets)})


@dataclass(frozen=True, slots=True)
class WithheldEvent:
    """A stored event of which its person's `limit` withholds something. `consent` is the one that it carries."""

    table: ConversationTable
    position: Position
    person: str
    limit: Consent
    consent: Consent
    appended_at: datetime
    response_id: str | None
    conversation_id: str | None


def read_consents(lake: Lake, app: str, keys: UserKeys) -> Consents:
    """All that `bronze/privacy` says now of the consents of `app`."""
    where = accepted(app) & pc.field("event_type").isin(_CHANGES)
    columns = (*_CHANGE, "event_id", "event_source", "event_type")
    rows = lake.read("bronze/privacy", columns, where).to_pylist()
    changes = tuple(_stored(row, keys) for row in _first_copies(rows))
    of_person = defaultdict[str, list[Change]](list)
    for stored in changes:
        if stored.person is not None:
            of_person[stored.person].append(stored.change)
    limits = {person: limit_of(found) for person, found in of_person.items()}
    return Consents(keys, changes, {person: limit for person, limit in limits.items() if limit.withholds})


def _first_copies(rows: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """Each change once, in the order of arrival: a copy that was sent again is no later change."""
    first = dict[tuple[str, str, str], dict[str, Any]]()
    for row in sorted(rows, key=lambda row: (row["appended_at"], position_of(row))):
        first.setdefault((row["event_source"], row["event_id"], _new_consent(row)), row)
    return first.values()


def _stored(row: Mapping[str, Any], keys: UserKeys) -> StoredChange:
    return StoredChange(
        position=position_of(row),
        person=row["user_key"] and keys.newest(row["user_key"], row["user_key_id"]),
        known_layers=keys.knows(row["user_key_id"]),
        change=Change(happened_at(row["event_time"], row["appended_at"]), row["appended_at"], _new_consent(row)),
    )


def _new_consent(row: Mapping[str, Any]) -> Consent:
    """Who asks to be erased allows nothing from then on, whatever else the event carries."""
    consent: Consent = "none" if row["event_type"] == _ERASURE else row["consent"]
    return consent


def withheld_events(lake: Lake, app: str, consents: Consents, people: Collection[str]) -> Iterator[WithheldEvent]:
    """The stored events of these people that their limits withhold. Reads narrow columns of their rows alone."""
    stored = pa.array(sorted(stored_keys(lake, app, consents.keys, people)), pa.string())
    if not len(stored):
        return
    columns = (*_CHANGE, "response_id", "conversation_id")
    for table in CONVERSATION_TABLES:
        for row in lake.read(table, columns, accepted(app) & pc.field("user_key").isin(stored)).to_pylist():
            person = consents.keys.newest(row["user_key"], row["user_key_id"])
            limit = consents.limit(
                person, len(consents.keys.layers), happened_at(row["event_time"], row["appended_at"])
            )
            if person in people and limit != "content":
                yield _withheld(table, row, person, limit)


def _withheld(table: ConversationTable, row: Mapping[str, Any], person: str, limit: Consent) -> WithheldEvent:
    return WithheldEvent(
        table=table,
        position=position_of(row),
        person=person,
        limit=limit,
        consent=row["consent"],
        appended_at=row["appended_at"],
        response_id=row["response_id"],
        conversation_id=row["conversation_id"],
    )


def people_behind(lake: Lake, app: str, events: Iterable[WithheldEvent]) -> dict[str, set[str]]:
    """By conversation: the people whose withheld events are part of it.

    What names an answer belongs to that answer's conversation, whatever conversation it names, as in extract.
    """
    found, of_answer = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for event in events:
        if event.response_id is not None:
            of_answer[event.response_id].add(event.person)
        elif event.conversation_id is not None:
            found[event.conversation_id].add(event.person)
    if of_answer:
        where = accepted(app) & pc.field("response_id").isin(pa.array(sorted(of_answer), pa.string()))
        for row in lake.read("bronze/generations", ["response_id", "conversation_id"], where).to_pylist():
            found[row["conversation_id"]] |= of_answer[row["response_id"]]
    return dict(found)


def withdrawn_since(lake: Lake, app: str, keys: UserKeys, horizon: Horizon) -> frozenset[str]:
    """Conversations in which people had part of whose changes whoever has read so far does not know."""
    consents = read_consents(lake, app, keys)
    return frozenset(people_behind(lake, app, withheld_events(lake, app, consents, consents.unknown_to(horizon))))
