"""What a validate run judges: revisions nobody has judged, their rows, and the figures of the batch.

A revision is judged once it is admitted, or rejected by a run that admitted others: a run that died between its two
commits has judged nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipelines import silver
from pipelines.bronze import CONVERSATION_TABLES, Partition, rows_between
from pipelines.extract.arrivals import read_ends
from pipelines.io.lake import Lake
from pipelines.people import UserKeys, lifted
from pipelines.validate import suites
from pipelines.validate.thresholds import Facts

_REVISION = ["conversation_id", "revision"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of the revisions to judge. `revisions` has conversation_id, revision and user_key.

    `turns` have a column more, `known_split_bucket`: the one that their person had first.
    """

    turns: pa.Table
    signals: pa.Table
    conversations: pa.Table

    @property
    def revisions(self) -> list[tuple[str, str, str | None]]:
        """Conversation, revision and person of each."""
        columns = (self.conversations.column(name).to_pylist() for name in (*_REVISION, "user_key"))
        return list(zip(*columns, strict=True))


def read_batch(lake: Lake, app: str, keys: UserKeys) -> Batch | None:
    """The current revisions of `app` that nobody has judged, people under their newest key; None if there are none."""
    revisions = silver.current_revisions(lake, app)
    for judged in _judged(lake, app):
        revisions = revisions.join(judged, keys=_REVISION, join_type="left anti")
    if revisions.num_rows == 0:
        return None
    turns, signals, conversations = (
        lifted(silver.rows_of(lake, table, app, revisions), keys)
        for table in ("silver/turns", "silver/signals", "silver/conversations")
    )
    return Batch(_with_known_buckets(lake, app, keys, turns), signals, conversations)


def _with_known_buckets(lake: Lake, app: str, keys: UserKeys, turns: pa.Table) -> pa.Table:
    """A person who is not known, or new, has the bucket of the turn itself."""
    where = (pc.field("app") == app) & pc.field("user_key").is_valid()
    columns = ["user_key", "user_key_id", "split_bucket", "first_time"]
    met = lifted(lake.read("silver/conversations", columns, where), keys).sort_by("first_time")
    first = met.group_by("user_key", use_threads=False).aggregate([("split_bucket", "first")])
    known = dict(zip(*(first.column(name).to_pylist() for name in ("user_key", "split_bucket_first")), strict=True))
    people = zip(*(turns.column(name).to_pylist() for name in ("user_key", "split_bucket")), strict=True)
    buckets = [known.get(user_key, bucket) for user_key, bucket in people]
    return turns.append_column(suites.KNOWN_SPLIT_BUCKET, pa.array(buckets, pa.int64()))


def _judged(lake: Lake, app: str) -> tuple[pa.Table, pa.Table]:
    columns = [*_REVISION, "run_id"]
    admitted = lake.read("silver/admissions", columns, pc.field("app") == app)
    rejected = lake.read("silver/rejected", columns, pc.field("app") == app)
    completed = rejected.filter(pc.is_in(rejected.column("run_id"), admitted.column("run_id").combine_chunks()))
    return admitted.select(_REVISION), completed.select(_REVISION)


def read_facts(lake: Lake, batch: Batch, since: Mapping[Partition, int], failing: int) -> Facts:
    """The figures of a batch of which `failing` conversations break their contract.

    The share of rejected records is of all that reached bronze since the offsets `since`: they name no application.
    """
    turns = batch.turns.num_rows
    events = pc.sum(pc.list_value_length(batch.conversations.column("events"))).as_py()
    return Facts(
        turns=turns,
        bronze_rejected_share=_rejected_share(lake, since),
        silver_rejected_share=failing / batch.conversations.num_rows,
        duplicate_share=pc.sum(batch.conversations.column("duplicates")).as_py() / events,
        error_share=_share(batch.turns, "finish_reason", "error"),
        feedback_per_turn=(pc.sum(batch.signals.column("explicit")).as_py() or 0) / turns,
    )


def _share(rows: pa.Table, column: str, value: str) -> float:
    return (pc.sum(pc.equal(rows.column(column), value)).as_py() or 0) / rows.num_rows if rows.num_rows else 0.0


def _rejected_share(lake: Lake, since: Mapping[Partition, int]) -> float:
    status = pa.concat_tables(
        lake.read(table, ["status"], rows_between(since, read_ends(lake, table))) for table in CONVERSATION_TABLES
    )
    return _share(status, "status", "rejected")
