"""The end of rejected payloads: after 14 days their bytes go and their rows stay (I4).

In: rejected rows with encrypted bytes. Out: the same rows with `raw` null, in the same places of the same files, once a
day. Ingest does it, and maintenance too where nobody ingests.
"""

import logging
from datetime import UTC, datetime, timedelta
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from pipelines.context import Context
from pipelines.ingest.offsets import BRONZE_TABLES
from pipelines.io.lake import StaleCommit, commit_files
from pipelines.io.lease import Lease, Leased, leased
from pipelines.io.scan import dataset
from pipelines.io.table_files import StoredFile, read_rows, replace, stored_files, write_rows
from schemas.tables import BronzeTable

_LOG: Final = logging.getLogger(__name__)

PAYLOAD_RETENTION: Final = timedelta(days=14)
"""Long enough to fix a producer and replay, short enough for what was never redacted (design, I4)."""

_LAST_RUN: Final = "feedwheel/payloads_expired"
"""Transaction of each table: the day, counted from the epoch, on which its payloads were last looked at."""
_DAY_S: Final = 86_400


def expire_daily(context: Context) -> int:
    """Expire payloads of the tables not yet looked at today. Returns how many rows lost their bytes."""
    today = int(context.clock().timestamp()) // _DAY_S
    count = 0
    for name in BRONZE_TABLES:
        if context.lake.open(name).transaction_version(_LAST_RUN) == today:
            continue
        try:
            count += _expire(context, name)
            commit_files(context.lake.open(name), [], {_LAST_RUN: today}, {})
        except (Leased, StaleCommit):
            # What is not done is looked at again by the next drain.
            _LOG.info("%s: payloads not expired this time, another maintainer has the table", name)
    return count


def count_expired(context: Context, name: BronzeTable) -> int:
    """Rows of a table whose bytes are still there and should not be."""
    due = _due(context.clock())
    return int(dataset(context.lake.open(name), due).count_rows(filter=due))


def _due(now: datetime) -> ds.Expression:
    cutoff = pa.scalar((now - PAYLOAD_RETENTION).astimezone(UTC))
    return (pc.field("status") == "rejected") & (pc.field("ingested_at") < cutoff) & pc.field("raw").is_valid()


def _expire(context: Context, name: BronzeTable) -> int:
    """File by file: memory is bounded by the largest, and rows stay sorted as readers skip by."""
    if not count_expired(context, name):
        return 0
    with leased(context.lake, name, context.clock) as lease:
        # Looked for once more: before the lease, a maintainer may have put the rows into other files.
        table, due = context.lake.open(name), _due(context.clock())
        fragments = dataset(table, due).get_fragments(filter=due)
        holding = {fragment.path.rsplit("/", 1)[-1] for fragment in fragments if fragment.count_rows(filter=due)}
        return sum(_without_bytes(lease, file, due) for file in stored_files(table) if file.name in holding)


def _without_bytes(lease: Lease, file: StoredFile, due: ds.Expression) -> int:
    rows = read_rows(lease.lake, lease.name, [file])
    marked = ds.dataset(rows).to_table(columns={"due": due}).column("due").fill_null(False)
    raw = pc.if_else(marked, pa.scalar(None, pa.binary()), rows.column("raw"))
    emptied = rows.set_column(rows.schema.get_field_index("raw"), rows.schema.field("raw"), raw)
    replace(lease, [file], write_rows(lease.lake, lease.name, emptied), changes_data=True)
    return int(pc.sum(marked).as_py())
