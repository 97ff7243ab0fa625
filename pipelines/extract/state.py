"""What silver already holds: current conversations, the answers in them, the events they are made of, the orphans.

In: names that this run needs. Out: exactly what is current of them. Grows with the number of conversations (four
narrow columns of all are read to find those whose silence is due); everything else is read by name.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

import pyarrow.compute as pc

from feedback.conversation import Position
from pipelines.bronze import position_of
from pipelines.extract.arrivals import Arrival
from pipelines.extract.routing import Waiting
from pipelines.io.lake import Lake


@dataclass(frozen=True, slots=True)
class Conversations:
    """Current revision of each conversation, those whose silence is due, and those that hold nothing any more."""

    revisions: dict[str, str]
    due: frozenset[str]
    ended: frozenset[str]

    @property
    def alive(self) -> frozenset[str]:
        """Conversations that hold something."""
        return frozenset(self.revisions.keys() - self.ended)


NONE_YET = Conversations({}, frozenset(), frozenset())


def read_conversations(lake: Lake, app: str, as_of: datetime) -> Conversations:
    """The current conversations of `app`."""
    columns = ["conversation_id", "revision", "due_at", "turns"]
    rows = lake.read("silver/conversations", columns, pc.field("app") == app)
    newest = dict[str, tuple[str, datetime | None, int]]()
    for conversation_id, revision, due_at, turns in zip(*(column.to_pylist() for column in rows.columns), strict=True):
        if conversation_id not in newest or newest[conversation_id][0] < revision:
            newest[conversation_id] = revision, due_at, turns
    return Conversations(
        {conversation_id: revision for conversation_id, (revision, _, _) in newest.items()},
        frozenset(name for name, (_, due_at, _) in newest.items() if due_at is not None and due_at <= as_of),
        frozenset(name for name, (_, _, turns) in newest.items() if not turns),
    )


def conversation_of(lake: Lake, app: str, arrivals: Iterable[Arrival], current: Conversations) -> dict[str, str]:
    """The conversation of each answer that `arrivals` name, where a current conversation has it."""
    answers = {arrival.response_id for arrival in arrivals if arrival.response_id}
    if not answers or not current.revisions:
        return {}
    response_id = pc.field("response_id")
    where = (pc.field("app") == app) & (response_id >= min(answers)) & (response_id <= max(answers))
    columns = ["response_id", "conversation_id", "revision"]
    rows = lake.read("silver/turns", columns, where & response_id.isin(sorted(answers))).to_pylist()
    return {
        row["response_id"]: row["conversation_id"]
        for row in rows
        if current.revisions.get(row["conversation_id"]) == row["revision"]
    }


def read_orphans(lake: Lake, app: str) -> list[Waiting]:
    """Every event that ever had to wait, once."""
    columns = ["topic", "topic_id", "partition", "offset", "response_id", "conversation_id"]
    rows = lake.read("silver/orphans", columns, pc.field("app") == app)
    waiting = {position_of(row): row for row in rows.to_pylist()}
    return [Waiting(position, row["response_id"], row["conversation_id"]) for position, row in waiting.items()]


def read_events(lake: Lake, app: str, names: Collection[str], current: Conversations) -> dict[str, frozenset[Position]]:
    """The events that the current revisions of the named conversations are made of."""
    known = {name: current.revisions[name] for name in names if name in current.revisions}
    if not known:
        return {}
    where = (pc.field("app") == app) & pc.field("conversation_id").isin(sorted(known))
    where &= pc.field("revision").isin(sorted(set(known.values())))
    rows = lake.read("silver/conversations", ["conversation_id", "revision", "events"], where)
    events = defaultdict[str, set[Position]](set)
    for row in rows.to_pylist():
        if known[row["conversation_id"]] == row["revision"]:
            events[row["conversation_id"]].update(map(position_of, row["events"]))
    return {name: frozenset(positions) for name, positions in events.items()}
