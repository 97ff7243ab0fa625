"""What a validate run judges: revisions nobody has judged, their rows, and which of these are new.

A revision is judged once it is admitted, or rejected by a run that admitted others: a run that died between its two
commits has judged nothing. Texts are not read: no expectation is on what somebody wrote.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

from pipelines import silver
from pipelines.bronze import CONVERSATION_TABLES, Offsets, rows_between
from pipelines.io.lake import Lake
from pipelines.people import UserKeys, lifted
from pipelines.silver import RevisedTable
from pipelines.validate import references
from pipelines.validate.mix import described, judging
from pipelines.validate.references import REVISION
from schemas.errors import InfrastructureError
from schemas.tables import TABLES

_TABLES: Final[tuple[RevisedTable, ...]] = ("silver/turns", "silver/signals", "silver/conversations")
_TEXTS: Final = frozenset({"prompt", "output", "edited_output", "text"})
_ATTEMPTS: Final = 5
"""An extract run commits three times at its end; so many reads in a row between other commits would be no accident."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of the revisions to judge, and of them those that no admitted batch had.

    `versions` of the Delta tables were read; `as_of` is extract's clock; it `follows` so many runs that admitted. Turns
    and signals have columns more, which `references` and `mix` explain.
    """

    turns: pa.Table
    signals: pa.Table
    conversations: pa.Table
    new_turns: pa.Table
    new_signals: pa.Table
    versions: Mapping[RevisedTable, int]
    follows: int

    @property
    def revisions(self) -> list[tuple[str, str, str | None]]:
        """Conversation, revision and person of each."""
        columns = (self.conversations.column(name).to_pylist() for name in (*REVISION, "user_key"))
        return list(zip(*columns, strict=True))

    @property
    def as_of(self) -> datetime:
        """The clock of the newest extract run in it."""
        newest: datetime = pc.max(self.conversations.column("as_of")).as_py()
        return newest

    @property
    def tables(self) -> dict[RevisedTable, pa.Table]:
        """The rows to judge, by table."""
        return dict(zip(_TABLES, (self.turns, self.signals, self.conversations), strict=True))

    def without(self, conversation_ids: Collection[str]) -> "Batch":
        """The same batch, in which nothing of these conversations is new: what breaks its contract is no evidence."""
        sound = ~pc.field("conversation_id").isin(pa.array(sorted(conversation_ids), pa.string()))
        return replace(self, new_turns=self.new_turns.filter(sound), new_signals=self.new_signals.filter(sound))


def read_batch(lake: Lake, app: str, keys: UserKeys) -> Batch | None:
    """The current revisions of `app` that nobody has judged, people under their newest key; None if there are none.

    Raises InfrastructureError if silver never rests.
    """
    for _ in range(_ATTEMPTS):
        follows, versions = runs_that_admitted(lake.open("silver/admissions"), app), _versions(lake)
        batch = _read(lake, app, keys, versions, follows)
        if versions == _versions(lake):
            return batch
    raise InfrastructureError(f"{lake.url}: silver was written to during {_ATTEMPTS} reads in a row: run it again")


def admitting_runs(app: str) -> str:
    """The transaction of `silver/admissions` that counts the runs of `app` that admitted."""
    return f"validate/{app}"


def runs_that_admitted(admissions: DeltaTable, app: str) -> int:
    """How many runs of `app` have admitted, as a handle has it."""
    return admissions.transaction_version(admitting_runs(app)) or 0


def _versions(lake: Lake) -> dict[RevisedTable, int]:
    return {name: lake.open(name).version() for name in _TABLES}


def _read(lake: Lake, app: str, keys: UserKeys, versions: Mapping[RevisedTable, int], follows: int) -> Batch | None:
    revisions = silver.current_revisions(lake, app)
    for judged in _judged(lake, app):
        revisions = revisions.join(judged, keys=REVISION, join_type="left anti")
    if revisions.num_rows == 0:
        return None
    turns, signals, conversations = (lifted(_rows(lake, name, app, revisions), keys) for name in _TABLES)
    events = references.event_ids(lake, app, conversations)
    judged_turns = references.refer_turns(lake, app, keys, described(turns, conversations), events)
    judged_signals = references.refer_signals(judging(signals, turns), turns, events)
    earlier = _admitted_before(lake, app, conversations)
    return Batch(
        judged_turns,
        judged_signals,
        references.refer_conversations(conversations, turns, signals),
        _new(lake, app, "silver/turns", judged_turns, earlier),
        _new(lake, app, "silver/signals", judged_signals, earlier),
        versions,
        follows,
    )


def _rows(lake: Lake, name: RevisedTable, app: str, revisions: pa.Table) -> pa.Table:
    """Statistics of files skip those of other extract runs: their revisions lie before or after."""
    columns = [field.name for field in TABLES[name].schema if field.name not in _TEXTS]
    runs = pc.field("revision").isin(revisions.column("revision").unique())
    return silver.rows_of(lake, name, app, revisions, columns, runs)


def _admitted_before(lake: Lake, app: str, conversations: pa.Table) -> pa.Table:
    """The admitted revisions of these conversations."""
    admitted = lake.read("silver/admissions", REVISION, pc.field("app") == app)
    return admitted.join(conversations.select(["conversation_id"]), keys="conversation_id", join_type="left semi")


def _new(lake: Lake, app: str, name: RevisedTable, rows: pa.Table, earlier: pa.Table) -> pa.Table:
    """The rows that are in none of the earlier revisions of their conversation."""
    if not earlier.num_rows:
        return rows
    key = [column for column in TABLES[name].key if column != "revision"]
    runs = pc.field("revision").isin(earlier.column("revision").unique())
    met = silver.rows_of(lake, name, app, earlier, key, runs).select(key)
    numbered = rows.select(key).append_column("row", pa.array(range(rows.num_rows), pa.int64()))
    return rows.take(numbered.join(met, keys=key, join_type="left anti").column("row").sort())


def _judged(lake: Lake, app: str) -> tuple[pa.Table, pa.Table]:
    columns = [*REVISION, "run_id"]
    admitted = lake.read("silver/admissions", columns, pc.field("app") == app)
    rejected = lake.read("silver/rejected", columns, pc.field("app") == app)
    completed = rejected.filter(pc.is_in(rejected.column("run_id"), admitted.column("run_id").combine_chunks()))
    return admitted.select(REVISION), completed.select(REVISION)


def rejected_share(lake: Lake, since: Offsets, ends: Offsets) -> float:
    """Share of the records of bronze between these offsets that were rejected; those name no application."""
    status = pa.concat_tables(lake.read(table, ["status"], rows_between(since, ends)) for table in CONVERSATION_TABLES)
    rejected = pc.sum(pc.equal(status.column("status"), "rejected")).as_py() or 0
    return rejected / status.num_rows if status.num_rows else 0.0
