"""Whose words may no longer be in a data set: people who were erased, and conversations somebody has withdrawn.

In: bronze/privacy as it is now. Out: which rows of gold are theirs. Replay and the difference of two sets both ask.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from feedwheel_capture.catalogue import TYPE_OF_RECORD
from feedwheel_capture.events import Erasure

from pipelines.bronze import accepted
from pipelines.consents import Consents, people_behind, withheld_events
from pipelines.io.lake import Lake
from pipelines.people import UserKeys, lifted, stored_keys


@dataclass(frozen=True, slots=True)
class Gone:
    """`erased`: every key under which tables may hold somebody who was; `withdrawn`: conversations."""

    erased: frozenset[str]
    withdrawn: frozenset[str]

    def of(self, rows: pa.Table) -> Iterator[str]:
        """Ids of the examples that are theirs; columns example_id, user_key, conversation_id."""
        theirs = pc.field("user_key").isin(_array(self.erased)) | pc.field("conversation_id").isin(
            _array(self.withdrawn)
        )
        yield from rows.filter(theirs).column("example_id").to_pylist()


def who_is_gone(lake: Lake, app: str, consents: Consents) -> Gone:
    """Who is gone of an application, by all changes of consent there are."""
    erased = stored_keys(lake, app, consents.keys, _erased(lake, app, consents.keys))
    withheld = withheld_events(lake, app, consents, consents.limits.keys())
    return Gone(erased, frozenset(people_behind(lake, app, withheld)))


def _erased(lake: Lake, app: str, keys: UserKeys) -> frozenset[str]:
    """The people of `app` who asked to be erased, by their newest key."""
    where = accepted(app) & (pc.field("event_type") == TYPE_OF_RECORD[Erasure].versioned_name)
    rows = lifted(lake.read("bronze/privacy", ["user_key", "user_key_id"], where), keys)
    return frozenset(rows.column("user_key").drop_null().to_pylist())


def _array(values: frozenset[str]) -> pa.Array:
    return pa.array(sorted(values), pa.string())
