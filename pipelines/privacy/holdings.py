"""What is held about one person, of all tables, for the person who asks (I8).

In: a key of theirs, or the raw id, which is hashed here and goes nowhere. Out: rows and times by table, kinds of
events, what they allowed and when, conversations, what used their words, and the words themselves if asked for. A
person is one, whatever key their events were stored under.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from feedwheel_capture.catalogue import TYPE_OF_RECORD
from feedwheel_capture.events import Erasure, Feedback
from feedwheel_capture.ids import user_key as hash_user
from feedwheel_capture.vocabulary import Consent

from pipelines import silver
from pipelines.bronze import CONVERSATION_TABLES
from pipelines.consents import read_consents
from pipelines.context import Context
from pipelines.lineage import Kind, uses_of
from pipelines.people import UserKeys, find_person, stored_keys
from schemas.errors import CheckFailed
from schemas.tables import SilverTable, TableName

_TIME_OF: Final[Mapping[TableName, str | None]] = {
    "bronze/generations": "event_time",
    "bronze/feedback": "event_time",
    "bronze/privacy": "event_time",
    "silver/turns": "turn_time",
    "silver/signals": "signal_time",
    "silver/conversations": "first_time",
    "silver/orphans": "as_of",
    "silver/admissions": "admitted_at",
    "silver/rejected": "rejected_at",
    "gold/candidates": "example_time",
    "gold/dropped": None,
    "gold/labelled": "example_time",
    "gold/datasets/examples": "example_time",
    "gold/answers": "answered_at",
    "ops/reviews": "reviewed_at",
}
"""Every table whose rows name a person, and the column that says when."""


_NAMING: Final[tuple[SilverTable, ...]] = ("silver/turns", "silver/signals")
_USES: Final[tuple[Kind, ...]] = ("example", "dataset", "model", "release")
_RECORD_OF_TYPE: Final = {entry.versioned_name: record.__name__.lower() for record, entry in TYPE_OF_RECORD.items()}


@dataclass(frozen=True, slots=True)
class HeldRows:
    """Rows of one table; `first` and `last` None where it tells no time."""

    rows: int
    first: datetime | None
    last: datetime | None


@dataclass(frozen=True, slots=True)
class HeldConversation:
    """One conversation in which the person had part, as silver has it now."""

    conversation_id: str
    first: datetime
    last: datetime
    answers: int


@dataclass(frozen=True, slots=True)
class ConsentSince:
    """What the person allowed from a time on."""

    since: datetime
    consent: Consent


@dataclass(frozen=True, slots=True)
class HeldText:
    """One text: who wrote it (`person`, or a role of the conversation), in which event, when."""

    time: datetime
    event_id: str
    author: str
    text: str


@dataclass(frozen=True, slots=True)
class Holdings:
    """Everything that is held about a person of one application.

    `person` is the newest key, `keys` all that rows are stored under. `events` by kind. `carried` is the consent that
    stored events carry, by count; `consents` are the changes, oldest first, and `limit` is what they leave of it now.
    `used_by` has ids by kind: examples, data sets, models, releases. `texts` None unless asked for.
    """

    app: str
    person: str
    keys: list[str]
    events: dict[str, int]
    first: datetime | None
    last: datetime | None
    carried: dict[str, int]
    limit: Consent
    consents: list[ConsentSince]
    erasures_asked: list[datetime]
    tables: dict[str, HeldRows]
    conversations: list[HeldConversation]
    used_by: dict[str, list[str]]
    texts: list[HeldText] | None


def of_key(context: Context, app: str, user_key: str, *, content: bool) -> Holdings:
    """What is held about the person who has, or had, this key. Raises CheckFailed if nothing is."""
    context.config.app(app)
    keys = UserKeys(context.settings.key_layers)
    person = find_person(context.lake, app, keys, user_key)
    if person is None:
        raise CheckFailed(f"{app}: nothing is held about a person of this key")
    return _holdings(context, app, keys, person, content=content)


def of_raw_id(context: Context, app: str, raw_id: str, *, content: bool) -> Holdings:
    """What is held about the person whom the application knows by this id. Raises CheckFailed, ConfigError."""
    context.config.app(app)
    keys = UserKeys(context.settings.user_keys)
    person = find_person(context.lake, app, keys, hash_user(keys.layers, app, raw_id))
    if person is None:
        raise nothing_held(app)
    return _holdings(context, app, keys, person, content=content)


def nothing_held(app: str) -> CheckFailed:
    """Of an id by which nobody is known."""
    return CheckFailed(
        f"{app}: nothing is held about this person. Ids are compared as they were sent: the same letters, the same "
        "application, and all layers of FEEDWHEEL_USER_KEY_LAYERS"
    )


def _holdings(context: Context, app: str, keys: UserKeys, person: str, *, content: bool) -> Holdings:
    names = sorted(stored_keys(context.lake, app, keys, {person}))
    theirs = (pc.field("app") == app) & pc.field("user_key").isin(pa.array(names, pa.string()))
    consents = read_consents(context.lake, app, keys)
    events = [row for table in CONVERSATION_TABLES for row in _events(context, table, theirs)]
    times = [row["event_time"] for row in events]
    changes = sorted(
        (stored.change for stored in consents.changes if stored.person == person), key=lambda change: change.time
    )
    tables = {table: _rows(context, table, theirs) for table in _TIME_OF}
    return Holdings(
        app=app,
        person=person,
        keys=names,
        events=dict(Counter(_kind(row) for row in events).most_common()),
        first=min(times, default=None),
        last=max(times, default=None),
        carried=dict(Counter(row["consent"] for row in events)),
        limit=consents.limit(person, len(keys.layers), context.clock()),
        consents=[ConsentSince(change.time, change.consent) for change in changes],
        erasures_asked=_erasures(context, theirs),
        tables={table: held for table, held in tables.items() if held.rows},
        conversations=_conversations(context, app, theirs),
        used_by={kind: ids for kind, ids in uses_of(context, app, person).items() if kind in _USES},
        texts=sorted(_texts(context, theirs), key=lambda text: text.time) if content else None,
    )


def _rows(context: Context, table: TableName, theirs: pc.Expression) -> HeldRows:
    time = _TIME_OF[table]
    rows = context.lake.read(table, ["user_key", *([time] if time else [])], theirs)
    if time is None or not rows.num_rows:
        return HeldRows(rows.num_rows, None, None)
    ends = pc.min_max(rows.column(time)).as_py()
    return HeldRows(rows.num_rows, ends["min"], ends["max"])


def _events(context: Context, table: TableName, theirs: pc.Expression) -> list[dict[str, Any]]:
    columns = ["event_type", "event_time", "consent", *(["kind"] if table == "bronze/feedback" else [])]
    rows: list[dict[str, Any]] = context.lake.read(table, columns, theirs).to_pylist()
    return rows


def _kind(row: Mapping[str, Any]) -> str:
    """For example `generation`, `exposure`, `feedback thumbs`."""
    name = _RECORD_OF_TYPE[row["event_type"]]
    return f"{name} {row['kind']}" if name == Feedback.__name__.lower() else name


def _erasures(context: Context, theirs: pc.Expression) -> list[datetime]:
    asked = theirs & (pc.field("event_type") == TYPE_OF_RECORD[Erasure].versioned_name)
    return sorted(context.lake.read("bronze/privacy", ["event_time"], asked).column("event_time").to_pylist())


def _conversations(context: Context, app: str, theirs: pc.Expression) -> list[HeldConversation]:
    """By turns and signals, which name each person; a conversation itself names only who began it."""
    current = silver.current_revisions(context.lake, app)
    newest = dict(zip(*(column.to_pylist() for column in current.columns), strict=True))
    revision = ["conversation_id", "revision"]
    named = [row for table in _NAMING for row in context.lake.read(table, revision, theirs).to_pylist()]
    theirs_now = {row["conversation_id"] for row in named if newest.get(row["conversation_id"]) == row["revision"]}
    where = (pc.field("app") == app) & pc.field("conversation_id").isin(pa.array(sorted(theirs_now), pa.string()))
    rows = context.lake.read("silver/conversations", [*revision, "first_time", "last_time", "turns"], where).to_pylist()
    held = [
        HeldConversation(row["conversation_id"], row["first_time"], row["last_time"], row["turns"])
        for row in rows
        if newest[row["conversation_id"]] == row["revision"]
    ]
    return sorted(held, key=lambda conversation: (conversation.first, conversation.conversation_id))


def _texts(context: Context, theirs: pc.Expression) -> Iterator[HeldText]:
    """Every text of bronze, from which all other tables have theirs."""
    said = ("event_time", "event_id", "event_type")
    for row in context.lake.read("bronze/generations", [*said, "input", "output", "tool_calls"], theirs).to_pylist():
        for message in row["input"] or ():
            yield from _text(row, message["role"], message["content"])
        yield from _text(row, "assistant", row["output"])
        for call in row["tool_calls"] or ():
            yield from _text(row, f"call of {call['name']}", call["arguments"])
    for row in context.lake.read("bronze/feedback", [*said, "value"], theirs).to_pylist():
        for name in ("text", "edited_output"):
            yield from _text(row, "person", (row["value"] or {}).get(name))


def _text(row: Mapping[str, Any], author: str, text: str | None) -> Iterator[HeldText]:
    if text is not None:
        yield HeldText(row["event_time"], row["event_id"], author, text)
