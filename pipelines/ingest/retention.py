"""The end of rejected payloads: after 14 days their bytes go and their rows stay (I4).

In: rejected rows with encrypted bytes. Out: the same rows with `raw` null, in one commit per table, once a day.
"""

import logging
from datetime import UTC, datetime, timedelta
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError

from pipelines.context import Context
from pipelines.ingest.offsets import BRONZE_TABLES
from pipelines.io.lake import StaleCommit, commit_files
from schemas.tables import BronzeTable

_LOG: Final = logging.getLogger(__name__)

PAYLOAD_RETENTION: Final = timedelta(days=14)
"""Long enough to fix a producer and replay, short enough for what was never redacted (design, I4)."""

_LAST_RUN: Final = "feedwheel/payloads_expired"
"""Transaction of each table: the day, counted from the epoch, on which its payloads were last looked at."""
_DAY_S: Final = 86_400
_INSTANT: Final = 'Timestamp(Microsecond, Some("UTC"))'
"""The column's type in delta-rs's SQL, whose own literals are in nanoseconds and do not compare with it."""


def expire_daily(context: Context) -> int:
    """Expire payloads of the tables not yet looked at today. Returns how many rows lost their bytes."""
    today = int(context.clock().timestamp()) // _DAY_S
    count = 0
    for name in BRONZE_TABLES:
        table = context.lake.open(name)
        if table.transaction_version(_LAST_RUN) == today:
            continue
        try:
            count += _expire(table, context.clock())
            commit_files(context.lake.open(name), [], {_LAST_RUN: today}, {})
        except (CommitFailedError, StaleCommit):
            # A drain committed meanwhile; nothing was changed and the next one looks again.
            _LOG.info("%s: payloads not expired this time, another writer was faster", name)
    return count


def count_expired(context: Context, name: BronzeTable) -> int:
    """Rows of a table whose bytes are still there and should not be."""
    return _count(context.lake.open(name), context.clock())


def _count(table: DeltaTable, now: datetime) -> int:
    return int(table.to_pyarrow_dataset().count_rows(filter=_old(now) & pc.field("raw").is_valid()))


def _old(now: datetime) -> ds.Expression:
    return (pc.field("status") == "rejected") & (pc.field("ingested_at") < pa.scalar(_cutoff(now)))


def _cutoff(now: datetime) -> datetime:
    return (now - PAYLOAD_RETENTION).astimezone(UTC)


def _expire(table: DeltaTable, now: datetime) -> int:
    if count := _count(table, now):
        dataset = table.to_pyarrow_dataset()
        columns = {name: pc.field(name) for name in dataset.schema.names}
        rows = dataset.to_table(columns=columns | {"raw": pc.scalar(pa.scalar(None, pa.binary()))}, filter=_old(now))
        # Not `update`: the files it writes hold string views, which pyarrow cannot filter.
        write_deltalake(
            table,
            rows,
            mode="overwrite",
            predicate=f"status = 'rejected' AND ingested_at < arrow_cast('{_cutoff(now).isoformat()}', '{_INSTANT}')",
        )
    return count
