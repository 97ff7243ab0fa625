"""Who is one person: keys of several layers, read as one (design, section 6).

In: keys as events carry them, each with the number of layers under which it was made. Out: the key of the same person
under all layers of the deployment. A rotation appends a layer and rewrites nothing, so whoever counts, caps or finds
people lifts keys when reading.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from feedwheel_capture.ids import lift_user_key

from pipelines.io.lake import Lake
from schemas.tables import BronzeTable

PERSONAL_TABLES: Final[tuple[BronzeTable, ...]] = ("bronze/generations", "bronze/feedback", "bronze/privacy")
"""Where people enter the lake: every key of any other table stands in one of these too, or is lifted from one."""
_KEY: Final = ["user_key", "user_key_id"]


@dataclass(frozen=True, slots=True)
class UserKeys:
    """The layers of a deployment's user key, oldest first."""

    layers: Sequence[str] = field(repr=False)

    def newest(self, user_key: str, user_key_id: int) -> str:
        """The key of the same person under all layers; one whose layers are not ours stands as it is.

        A key of no layer at all would be a raw id, which nobody may send in place of a hash.
        """
        return lift_user_key(self.layers, user_key_id, user_key) if self.is_older(user_key_id) else user_key

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
    """Every key under which bronze may hold these people, each given by the newest key.

    An older key cannot be found from a newer one, so those of older layers are read, all of them, and lifted.
    """
    if len(keys.layers) < 2 or not people:
        return frozenset(people)
    wanted = frozenset(people)
    older = (pc.field("app") == app) & (pc.field("user_key_id") < len(keys.layers)) & pc.field("user_key").is_valid()
    found = set(wanted)
    for table in PERSONAL_TABLES:
        distinct = lake.read(table, _KEY, older).group_by(_KEY).aggregate([])
        for user_key, number in zip(*(distinct.column(name).to_pylist() for name in _KEY), strict=True):
            if keys.newest(user_key, number) in wanted:
                found.add(user_key)
    return frozenset(found)
