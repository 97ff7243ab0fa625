"""All that had happened at one moment, and the bookkeeping once it is in bronze.

In: the declared topics at that moment. Out, once every partition has come so far: `as_of`, dead letters, payloads that
have expired, and what was committed meanwhile. A drain is one epoch; a stream has one after the other. The steps, as
numbered in the code:

1. take the time, then read every log's bounds: what comes later belongs to the next epoch;
2. once every partition is at its end, whoever committed it, move `as_of`, extract's clock;
3. publish the dead letters of what is committed, and once a day let old payloads go (I4).
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import add
from typing import Final

from pipelines.context import Context
from pipelines.ingest.columns import UNKNOWN_APP
from pipelines.ingest.dead_letters import publish_pending
from pipelines.ingest.manifest import RangeCounts
from pipelines.ingest.offsets import BRONZE_TABLES, advance_as_of, progress_of
from pipelines.ingest.plan import PartitionLog, TableProgress, truncations
from pipelines.ingest.report import Committed, committed
from pipelines.ingest.retention import expire_daily
from pipelines.ingest.survey import survey
from pipelines.io.lake import Lake
from schemas.tables import BronzeTable

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settled:
    """What an epoch came to: own commits by table, and in all; dead letters published; payloads that have expired."""

    done: Mapping[BronzeTable, Committed]
    total: Committed
    dead_letters: int
    expired: int


@dataclass(frozen=True, slots=True)
class Epoch:
    """What the logs held at `started_at`, and how far they were committed, at the tables' `versions` or soon after.

    `truncated` logs end before what was ingested from them.
    """

    started_at: datetime
    logs: Sequence[PartitionLog]
    truncated: Sequence[str]
    versions: Mapping[BronzeTable, int]
    progress: TableProgress

    @classmethod
    def begin(cls, context: Context) -> "Epoch":
        """Now. Raises InfrastructureError."""
        started_at = context.clock()  # 1
        logs = survey(context)
        versions = {name: context.lake.open(name).version() for name in BRONZE_TABLES}
        progress = read_progress(context.lake)
        return cls(started_at, logs, truncations(logs, progress), versions, progress)

    def is_reached(self, progress: TableProgress) -> bool:
        """Whether every partition has come to where it ended."""
        known = ((log, progress[log.table].get(log.source)) for log in self.logs)
        return all(there is not None and there.next >= log.bounds.end for log, there in known)

    def settle(
        self, context: Context, run_id: str, *, moves_as_of: bool, until: Mapping[BronzeTable, int] | None = None
    ) -> Settled:
        """Do what follows from its end, and count what was committed in the name of `run_id`, to `until` or to now.

        Raises InfrastructureError.
        """
        if moves_as_of:
            advance_as_of(context.lake, self.started_at)  # 2
        dead_letters, expired = publish_pending(context), expire_daily(context)  # 3
        done = committed(context.lake, run_id, self.versions, until or {})
        total = reduce(add, done.values(), Committed())
        _warn(total.counts)
        return Settled(done, total, dead_letters, expired)


def read_progress(lake: Lake) -> TableProgress:
    """How far each partition of each table is committed."""
    return {name: progress_of(lake.open(name)) for name in BRONZE_TABLES}


def _warn(counts: RangeCounts) -> None:
    """Of what nobody asked about, and somebody must know."""
    if unknown := counts.accepted[UNKNOWN_APP]:
        _LOG.warning(
            "%d events name an application that feedwheel.toml does not have: they are kept, and no stage reads them. "
            "Add the application, or correct FEEDWHEEL_APP where they were recorded",
            unknown,
        )
    if leaked := counts.redactions["leaked"]:
        _LOG.warning(
            "%d of %d audited events held personal patterns though their producer had stamped them as redacted; these "
            "were redacted, others like them rest as they came: update the producer, or declare its topic not trusted",
            leaked,
            leaked + counts.redactions["audited"],
        )
