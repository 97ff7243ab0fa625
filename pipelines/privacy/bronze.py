"""Bronze without what is withheld: the texts of accepted rows and the bytes of rejected ones become null.

In: withheld events, and rejected records that can be read. Out: the same rows at the same offsets, each with the
consent that holds for it, so reconcile stays exact (I1) and extract finds what it found before. One commit for each
stretch of a partition; any of them may be the last.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from feedwheel_capture.consent import without_text
from feedwheel_capture.vocabulary import Consent

from feedback.consent import stricter
from feedback.conversation import Position, happened_at
from pipelines.bronze import CONVERSATION_TABLES, POSITION, Partition, partition_of, position_of
from pipelines.consents import Consents
from pipelines.context import Context
from pipelines.io.lake import Change, Rows
from pipelines.privacy.rewriting import rewrite
from pipelines.privacy.withdrawals import Withdrawals
from schemas.arrow import to_row
from schemas.cloudevents import whole_event
from schemas.errors import ConfigError
from schemas.events import EventRejected
from schemas.tables import BronzeTable, TableName

_STRETCH_OFFSETS: Final = 50_000
"""As many as a file of ingest: what one commit holds in memory and writes again."""

Limits = Mapping[Position, Consent]
"""What may stay of each row to change."""


class _Author(msgspec.Struct, frozen=True):
    app: str
    user_key: str | None
    user_key_id: int


class _Said(msgspec.Struct, frozen=True):
    """What a record must have to say whose it is, whatever else is wrong with it."""

    time: Annotated[datetime, msgspec.Meta(tz=True)]
    data: _Author


_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises where a record is no JSON, or has no author: ValidationError is a DecodeError."""


@dataclass(frozen=True, slots=True)
class RejectedPayloads:
    """Encrypted bytes of rejected records: those of people who withdrew, and how many nobody can tell the author of."""

    theirs: Mapping[BronzeTable, Limits]
    unread: int
    newest_unread: datetime | None


def take_out(
    context: Context, found: Withdrawals, payloads: RejectedPayloads, *, dry_run: bool
) -> dict[TableName, int]:
    """Take out what is withheld; rows changed by table. Raises InfrastructureError if always overtaken."""
    limits = defaultdict[BronzeTable, dict[Position, Consent]](dict, {table: {} for table in CONVERSATION_TABLES})
    for event in found.events:
        if stricter(event.consent, event.limit) != event.consent:
            limits[event.table][event.position] = event.limit
    for table, theirs in payloads.theirs.items():
        limits[table].update(theirs)
    return {
        table: rewrite(context, table, _stretches(of_table), _limiting(of_table), dry_run=dry_run)
        for table, of_table in limits.items()
    }


def _stretches(positions: Iterable[Position]) -> Iterator[Rows]:
    """The rows between the first and the last of positions that lie close together."""
    of_partition = defaultdict[Partition, list[int]](list)
    for position in positions:
        of_partition[partition_of(position)].append(position.offset)
    for (topic_id, number), offsets in sorted(of_partition.items()):
        stretches = list[list[int]]()
        for offset in sorted(offsets):
            if stretches and offset - stretches[-1][0] < _STRETCH_OFFSETS:
                stretches[-1].append(offset)
            else:
                stretches.append([offset])
        for stretch in stretches:
            yield Rows({"topic_id": [topic_id], "partition": [number]}, {"offset": (stretch[0], stretch[-1])})


def _limiting(limits: Limits) -> Change:
    def change(rows: pa.Table) -> tuple[pa.Table, int]:
        wanted = {(position.topic_id, position.partition, position.offset): limit for position, limit in limits.items()}
        keys = list(zip(*(rows.column(name).to_pylist() for name in POSITION[1:]), strict=True))
        affected = pa.array([key in wanted for key in keys], pa.bool_())
        limited = [
            _limited(row, wanted[row["topic_id"], row["partition"], row["offset"]])
            for row in rows.filter(affected).to_pylist()
        ]
        return pa.concat_tables(
            [rows.filter(pc.invert(affected)), pa.Table.from_pylist(limited, schema=rows.schema)]
        ), len(limited)

    return change


def _limited(row: Mapping[str, Any], limit: Consent) -> dict[str, Any]:
    """A row without its text. The ids of one who allows nothing stay: they are what an erasure will find it by."""
    from pipelines.extract.decode import record_of  # brings Beam

    if row["status"] == "rejected":
        return {**row, "raw": None}
    record = without_text(record_of(row))
    return {**row, **to_row(msgspec.structs.replace(record, consent=stricter(record.consent, limit))), "raw": None}


def read_payloads(context: Context, app: str, consents: Consents) -> RejectedPayloads:
    """Decrypt what was rejected in the last 14 days and see whose it is, as far as it says so."""
    from pipelines.ingest.offsets import BRONZE_TABLES  # brings Beam
    from pipelines.ingest.payload import PayloadCipher

    theirs, unread = defaultdict[BronzeTable, dict[Position, Consent]](dict), list[datetime]()
    for table in BRONZE_TABLES:
        where = (pc.field("status") == "rejected") & pc.field("raw").is_valid()
        for row in context.lake.read(table, [*POSITION, "appended_at", "ingested_at", "raw"], where).to_pylist():
            try:
                payload = PayloadCipher(context.settings.payload_key).decrypt(row["raw"])
                event = whole_event(payload.headers, payload.value)
                limit = _limit_of(event, app, row["appended_at"], consents)
            except (ConfigError, EventRejected, *_UNREADABLE):
                unread.append(row["ingested_at"])
                continue
            if limit != "content":
                theirs[table][position_of(row)] = limit
    return RejectedPayloads(dict(theirs), len(unread), max(unread, default=None))


def _limit_of(event: bytes, app: str, appended_at: datetime, consents: Consents) -> Consent:
    """The limit of whoever a rejected record is about. Raises one of `_UNREADABLE` if it does not say."""
    record = msgspec.json.decode(event, type=_Said)
    if record.data.app != app:
        return "content"
    return consents.limit(record.data.user_key, record.data.user_key_id, happened_at(record.time, appended_at))
