"""What rows refer to, as columns that expectations can be stated on.

In: the rows of a batch. Out: the same rows with a column more for each reference that the reviewed suites judge.
"""

from collections.abc import Sequence
from functools import reduce
from operator import or_

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from pipelines.bronze import CONVERSATION_TABLES, accepted, in_partition
from pipelines.io.lake import Lake
from pipelines.people import UserKeys, lifted

REVISION = ["conversation_id", "revision"]
_ANSWER = [*REVISION, "response_id"]


def refer_turns(lake: Lake, app: str, keys: UserKeys, turns: pa.Table, events: pa.Array) -> pa.Table:
    """Add `known_split_bucket`, which their person had first, and `event_in_bronze`, null where they name none."""
    in_bronze = _where_named(turns.column("event_id"), pc.is_in(turns.column("event_id"), value_set=events))
    return _with_known_buckets(lake, app, keys, turns).append_column("event_in_bronze", in_bronze)


def refer_signals(signals: pa.Table, turns: pa.Table, events: pa.Array) -> pa.Table:
    """Add `answer_in_conversation`, null where they name no answer, and `events_in_bronze`."""
    named = _where_named(signals.column("response_id"), _is_among(signals, turns, _ANSWER))
    return signals.append_column("answer_in_conversation", named).append_column(
        "events_in_bronze", _all_among(signals.column("event_ids"), events)
    )


def refer_conversations(conversations: pa.Table, turns: pa.Table, signals: pa.Table) -> pa.Table:
    """Add `turn_rows` and `signal_rows`, what the other tables have of their revision; a row that is twice is one."""
    for name, rows, key in (("turn_rows", turns, "response_id"), ("signal_rows", signals, "signal_id")):
        conversations = conversations.append_column(name, _number_of_each(conversations, rows, key))
    return conversations


def event_ids(lake: Lake, app: str, conversations: pa.Table) -> pa.Array:
    """Ids of the accepted events at the positions that the conversations name."""
    positions = pa.table(pc.list_flatten(conversations.column("events")).combine_chunks().flatten(), _EVENT)
    where = accepted(app) & _at(positions)
    found = [lake.read(table, ["event_id"], where).column("event_id") for table in CONVERSATION_TABLES]
    return pa.chunked_array([chunk for column in found for chunk in column.chunks], pa.string()).combine_chunks()


_EVENT = ["topic", "partition", "offset", "topic_id"]
"""As `schemas.tables` orders an event's position."""


def _at(positions: pa.Table) -> ds.Expression:
    """Arrow compares sorted offsets with the statistics of files and row groups, and opens only what may hold one."""
    offsets = positions.group_by(["topic_id", "partition"]).aggregate([("offset", "list")])
    rows = zip(*(offsets.column(name).to_pylist() for name in ("topic_id", "partition", "offset_list")), strict=True)
    return reduce(
        or_,
        (
            in_partition((topic_id, partition)) & pc.field("offset").isin(pa.array(sorted(found), pa.int64()))
            for topic_id, partition, found in rows
        ),
        pc.scalar(False),
    )


def _with_known_buckets(lake: Lake, app: str, keys: UserKeys, turns: pa.Table) -> pa.Table:
    """A person who is not known, or new, has the bucket of the turn itself."""
    where = (pc.field("app") == app) & pc.field("user_key").is_valid()
    columns = ["user_key", "user_key_id", "split_bucket", "first_time"]
    met = lifted(lake.read("silver/conversations", columns, where), keys).sort_by("first_time")
    first = met.group_by("user_key", use_threads=False).aggregate([("split_bucket", "first")])
    known = pc.index_in(turns.column("user_key"), value_set=first.column("user_key"))
    buckets = pc.coalesce(first.column("split_bucket_first").take(known), turns.column("split_bucket"))
    return turns.append_column("known_split_bucket", buckets)


def _is_among(rows: pa.Table, others: pa.Table, keys: Sequence[str]) -> pa.Array:
    """For each row whether `others` has one of the same keys."""
    numbered = rows.select(keys).append_column("row", pa.array(range(rows.num_rows), pa.int64()))
    found = numbered.join(others.select(keys), keys=list(keys), join_type="left semi").column("row")
    return pc.is_in(numbered.column("row"), value_set=found)


def _all_among(lists: pa.ChunkedArray, members: pa.Array) -> pa.Array:
    """For each list whether all that is in it is among `members`."""
    lists = lists.combine_chunks()
    unknown = pc.invert(pc.is_in(pc.list_flatten(lists), value_set=members))
    with_unknown = pc.list_parent_indices(lists).filter(unknown)
    return pc.invert(pc.is_in(pa.array(range(len(lists)), with_unknown.type), value_set=with_unknown))


def _where_named(reference: pa.ChunkedArray, holds: pa.ChunkedArray) -> pa.ChunkedArray:
    """Null where a row refers to nothing."""
    return pc.if_else(reference.is_valid(), holds, pa.scalar(None, pa.bool_()))


def _number_of_each(conversations: pa.Table, rows: pa.Table, key: str) -> pa.Array:
    counted = rows.group_by(REVISION).aggregate([(key, "count_distinct")])
    numbered = conversations.select(REVISION).append_column("row", pa.array(range(conversations.num_rows), pa.int64()))
    joined = numbered.join(counted, keys=REVISION, join_type="left outer").sort_by("row")
    return pc.fill_null(joined.column(f"{key}_count_distinct"), 0)
