"""What silver already holds of what a run touches: current conversations, their answers and events, waiting orphans.

In: names that this run needs. Out: exactly what is current of them. Of all conversations only narrow columns are read,
filtered in Arrow; lists of events come from the files of the revisions that are wanted.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from feedwheel_capture.events import Generation

from feedback.conversation import Position
from pipelines.bronze import position_of
from pipelines.extract.arrivals import Arrival
from pipelines.extract.routing import Waiting
from pipelines.io.lake import Lake
from schemas.tables import INSTANT

LATE_AFTER: Final = timedelta(days=1)
"""What comes to a conversation that was silent for so long came late: its rows lie in files of their own."""


@dataclass(frozen=True, slots=True)
class Conversations:
    """Current revisions of conversations; which of them have silence due, hold nothing, or were silent for long."""

    revisions: dict[str, str]
    due: frozenset[str]
    ended: frozenset[str]
    old: frozenset[str]

    @property
    def alive(self) -> frozenset[str]:
        """Conversations that hold something."""
        return frozenset(self.revisions.keys() - self.ended)


NONE_YET = Conversations({}, frozenset(), frozenset(), frozenset())


def read_due(lake: Lake, app: str, after: datetime, as_of: datetime) -> frozenset[str]:
    """Conversations of which some revision, current or not, says that silence becomes due in (`after`, `as_of`].

    Of current revisions, an earlier `due_at` is none: the run as of `after` left none, as it recomputes what is due by
    its clock, and then `due_at` is null or later. What it did not touch has kept a later one.
    """
    due_at = pc.field("due_at")
    where = (pc.field("app") == app) & (due_at > pa.scalar(after, INSTANT)) & (due_at <= pa.scalar(as_of, INSTANT))
    return frozenset(lake.read("silver/conversations", ["conversation_id"], where).column(0).to_pylist())


def read_conversations(lake: Lake, app: str, as_of: datetime, names: Collection[str] | None = None) -> Conversations:
    """The current conversations of `app` that have these names; all of them without names."""
    columns = ["conversation_id", "revision", "due_at", "turns", "last_time"]
    where = pc.field("app") == app
    if names is not None:
        where &= pc.field("conversation_id").isin(_texts(names))
    newest = dict[str, dict[str, Any]]()
    for row in lake.read("silver/conversations", columns, where).to_pylist():
        if row["revision"] > newest.get(row["conversation_id"], {}).get("revision", ""):
            newest[row["conversation_id"]] = row
    return Conversations(
        {name: row["revision"] for name, row in newest.items()},
        frozenset(name for name, row in newest.items() if row["due_at"] is not None and row["due_at"] <= as_of),
        frozenset(name for name, row in newest.items() if not row["turns"]),
        frozenset(name for name, row in newest.items() if row["last_time"] < as_of - LATE_AFTER),
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer in one revision of a conversation."""

    response_id: str
    conversation_id: str
    revision: str


def read_answers(lake: Lake, app: str, arrivals: Iterable[Arrival]) -> list[Answer]:
    """The answers that `arrivals` name, in every revision that has them."""
    named = _texts(arrival.response_id for arrival in arrivals)
    if not named:
        return []
    where = (pc.field("app") == app) & pc.field("response_id").isin(named)
    rows = lake.read("silver/turns", ["response_id", "conversation_id", "revision"], where)
    return [Answer(**row) for row in rows.to_pylist()]


def read_orphans(lake: Lake, app: str, arrivals: Iterable[Arrival], taken: ds.Expression) -> list[Waiting]:
    """Events that wait for an answer or a conversation of `arrivals`, and those at positions `taken` anew; each once.

    The latter wait already where a run died before its last commit, or where all is taken again.
    """
    said = [arrival for arrival in arrivals if arrival.record is Generation]
    awaited = pc.field("response_id").isin(_texts(arrival.response_id for arrival in said))
    awaited |= pc.field("conversation_id").isin(_texts(arrival.conversation_id for arrival in said))
    columns = ["topic", "topic_id", "partition", "offset", "response_id", "conversation_id"]
    rows = lake.read("silver/orphans", columns, (pc.field("app") == app) & (awaited | taken))
    waiting = {position_of(row): row for row in rows.to_pylist()}
    return [Waiting(position, row["response_id"], row["conversation_id"]) for position, row in waiting.items()]


def _texts(values: Iterable[str | None]) -> pa.Array:
    """Distinct, and sorted: only then does Arrow skip files and row groups by them."""
    return pa.array(sorted({value for value in values if value}), pa.string())


def read_events(lake: Lake, app: str, names: Collection[str], current: Conversations) -> dict[str, frozenset[Position]]:
    """The events that the current revisions of the named conversations are made of."""
    known = {name: current.revisions[name] for name in names if name in current.revisions}
    if not known:
        return {}
    where = (pc.field("app") == app) & pc.field("conversation_id").isin(_texts(known))
    where &= pc.field("revision").isin(_texts(known.values()))
    rows = lake.read("silver/conversations", ["conversation_id", "revision", "events"], where)
    events = defaultdict[str, set[Position]](set)
    for row in rows.to_pylist():
        if known[row["conversation_id"]] == row["revision"]:
            events[row["conversation_id"]].update(map(position_of, row["events"]))
    return {name: frozenset(positions) for name, positions in events.items()}
