"""Who is one person: keys of several layers, read as one (design, section 6).

In: keys as events carry them, each with the number of layers under which it was made. Out: the key of the same person
under all layers of the deployment. A rotation appends a layer and rewrites nothing, so whoever counts, caps or finds
people lifts keys when reading.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from feedwheel_capture.ids import lift_user_key

from pipelines.io.lake import Lake
from schemas.tables import BronzeTable

PERSONAL_TABLES: Final[tuple[BronzeTable, ...]] = ("bronze/generations", "bronze/feedback", "bronze/privacy")
"""Where people enter the lake: every key of any other table stands in one of these, or is lifted from one."""
_KEY: Final = ["user_key", "user_key_id"]


def owner_of(row: Mapping[str, Any]) -> str:
    """Whose a row is: its person, or the conversation of an anonymous one (I5)."""
    return str(row["user_key"] or row["conversation_id"])


@dataclass(frozen=True, slots=True)
class UserKeys:
    """The layers of a deployment's user key, oldest first."""

    layers: Sequence[str] = field(repr=False)

    def newest(self, user_key: str, user_key_id: int) -> str:
        """The key of the same person under all layers; one whose layers are not ours stands as it is.

        A key of no layer at all would be a raw id, which nobody may send in place of a hash.
        """
        return lift_user_key(self.layers, user_key_id, user_key) if self.is_older(user_key_id) else user_key

    def since(self, user_key: str, user_key_id: int) -> list[str]:
        """The key itself, and those that its person has had since: under one layer more, two, and so on."""
        found = [user_key]
        if self.is_older(user_key_id):
            for layer in self.layers[user_key_id:]:
                found.append(lift_user_key([layer], 0, found[-1]))
        return found

    def is_older(self, user_key_id: int) -> bool:
        """Whether keys of so many layers were made before the last rotation."""
        return 1 <= user_key_id < len(self.layers)

    def knows(self, user_key_id: int) -> bool:
        """Whether keys of so many layers can be told apart from others of the same person."""
        return 1 <= user_key_id <= len(self.layers)


def lifted(rows: pa.Table, keys: UserKeys) -> pa.Table:
    """The rows with the newest key of each person; columns user_key string, user_key_id int64."""
    if len(keys.layers) < 2:
        return rows
    newest = len(keys.layers)
    pairs = list(zip(*(rows.column(name).to_pylist() for name in _KEY), strict=True))
    known = {(key, number): keys.newest(key, number) for key, number in set(pairs) if key is not None}
    columns = {
        "user_key": pa.array([known.get(pair) for pair in pairs], pa.string()),
        "user_key_id": pa.array([newest if keys.knows(number) else number for _, number in pairs], pa.int64()),
    }
    for name, values in columns.items():
        rows = rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), values)
    return rows


def stored_keys(lake: Lake, app: str, keys: UserKeys, people: Collection[str]) -> frozenset[str]:
    """Every key under which tables may hold these people, each given by the newest key.

    An older key cannot be found from a newer one, so those of older layers are read from bronze, all of them, and
    lifted: what was derived between two rotations has a key that no event has.
    """
    if len(keys.layers) < 2 or not people:
        return frozenset(people)
    wanted = frozenset(people)
    older = (pc.field("app") == app) & (pc.field("user_key_id") < len(keys.layers)) & pc.field("user_key").is_valid()
    found = set(wanted)
    for table in PERSONAL_TABLES:
        distinct = lake.read(table, _KEY, older).group_by(_KEY).aggregate([])
        for user_key, number in zip(*(distinct.column(name).to_pylist() for name in _KEY), strict=True):
            if (had := keys.since(user_key, number))[-1] in wanted:
                found.update(had)
    return frozenset(found)


def find_person(lake: Lake, app: str, keys: UserKeys, user_key: str) -> str | None:
    """The newest key of the person who has, or had, this key; None if bronze knows nobody by it."""
    for table in PERSONAL_TABLES:
        where = (pc.field("app") == app) & (pc.field("user_key") == user_key)
        if layers := lake.read(table, ["user_key_id"], where).column("user_key_id").unique().to_pylist():
            return keys.newest(user_key, max(layers))
    older = stored_keys(lake, app, keys, {user_key}) - {user_key}
    return user_key if older else None
