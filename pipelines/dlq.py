"""Dead letters: the rejected rows of bronze, seen as letters that can be read and sent again.

In: bronze tables and the deployment's payload key. Out: lists, one decrypted payload on request, or the original bytes
published again to the topic and partition they came from. The quarantine is a view: nothing is moved, and a replayed
event keeps its id, so replaying twice adds nothing downstream (I1).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow.compute as pc
from deltalake import DeltaTable

from pipelines.context import Context
from pipelines.ingest.offsets import BRONZE_TABLES
from pipelines.ingest.payload import PayloadCipher
from pipelines.io.kafka import Outgoing, publish
from pipelines.io.kafka_ranges import ATTEMPT_HEADER
from pipelines.io.scan import dataset
from schemas.errors import UsageError
from schemas.tables import BronzeTable

_Tables = Mapping[BronzeTable, DeltaTable]
"""Bronze, each table as one handle has read it."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which letters are meant; None selects all."""

    reason: str | None = None
    stage: str | None = None
    topic: str | None = None
    since: datetime | None = None

    def filter(self) -> pc.Expression:
        """The selection over columns of bronze."""
        chosen = pc.field("status") == "rejected"
        for name in ("reason", "stage", "topic"):
            if (value := getattr(self, name)) is not None:
                chosen = chosen & (pc.field(name) == value)
        return chosen if self.since is None else chosen & (pc.field("ingested_at") >= pc.scalar(self.since))


@dataclass(frozen=True, slots=True)
class Letter:
    """One rejected record. `payload`: whether its bytes are still stored."""

    key: str
    table: BronzeTable
    topic: str
    topic_id: str
    partition: int
    offset: int
    stage: str
    reason: str
    detail: str
    attempt: int
    ingested_at: datetime
    payload: bool


@dataclass(frozen=True, slots=True)
class OpenedLetter:
    """A letter and its decrypted bytes as text, unprintable ones escaped; None where they are gone or not asked for."""

    letter: Letter
    text: str | None


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """Letters selected = sent again + without payload (expired, or a record that had no value)."""

    selected: int
    replayed: int
    without_payload: int
    dry_run: bool


def list_letters(context: Context, selection: Selection) -> list[Letter]:
    """The selected letters, oldest first."""
    letters = (_letter(name, row) for name, row in _rows(_opened(context), selection.filter(), payloads=False))
    return sorted(letters, key=lambda letter: (letter.ingested_at, letter.key))


def show(context: Context, key: str, *, payload: bool) -> list[OpenedLetter]:
    """Letters at `topic/partition/offset`: several if the topic was made again. Raises UsageError, ConfigError."""
    topic, partition, offset = _parse_key(key)
    here = Selection(topic=topic).filter() & (pc.field("partition") == partition) & (pc.field("offset") == offset)
    rows = list(_rows(_opened(context), here, payloads=payload))
    if not rows:
        raise UsageError(f"no dead letter at {key}: `feedwheel dlq list` shows them")
    cipher = PayloadCipher(context.settings.payload_key) if payload else None
    return [OpenedLetter(_letter(name, row), _text(cipher, row)) for name, row in rows]


def replay(context: Context, selection: Selection, *, dry_run: bool) -> ReplayReport:
    """Publish the selected letters' original bytes again. Raises InfrastructureError, ConfigError."""
    tables = _opened(context)  # once, so that what is counted is what is sent, whatever is ingested meanwhile
    selected = [row["payload"] for _, row in _rows(tables, selection.filter(), payloads=False)]
    replayed = 0 if dry_run else publish(context.settings.kafka, _originals(context, tables, selection))
    return ReplayReport(len(selected), replayed, len(selected) - sum(selected), dry_run)


def _originals(context: Context, tables: _Tables, selection: Selection) -> Iterator[Outgoing]:
    cipher = PayloadCipher(context.settings.payload_key)
    for _, row in _rows(tables, selection.filter() & pc.field("raw").is_valid(), payloads=True):
        sent = cipher.decrypt(row["raw"])
        attempt = (ATTEMPT_HEADER, str(row["attempt"] + 1).encode())
        yield Outgoing(row["topic"], None, sent.value, (*sent.headers, attempt), row["partition"])


_POINTER = ("topic", "topic_id", "partition", "offset", "stage", "reason", "detail", "attempt", "ingested_at")


def _opened(context: Context) -> _Tables:
    return {name: context.lake.open(name) for name in BRONZE_TABLES}


def _rows(tables: _Tables, chosen: pc.Expression, *, payloads: bool) -> Iterator[tuple[BronzeTable, dict[str, Any]]]:
    """Rejected rows of every table, batch by batch; their encrypted bytes only if `payloads`."""
    columns = {name: pc.field(name) for name in _POINTER} | {"payload": pc.field("raw").is_valid()}
    if payloads:
        columns["raw"] = pc.field("raw")
    for name, table in tables.items():
        for batch in dataset(table, chosen).to_batches(columns=columns, filter=chosen):
            yield from ((name, row) for row in batch.to_pylist())


def _letter(name: BronzeTable, row: dict[str, Any]) -> Letter:
    fields = {field: row[field] for field in (*_POINTER, "payload")}
    return Letter(key=f"{row['topic']}/{row['partition']}/{row['offset']}", table=name, **fields)


def _parse_key(key: str) -> tuple[str, int, int]:
    topic, _, rest = key.partition("/")
    partition, _, offset = rest.partition("/")
    if not (topic and partition.isdecimal() and offset.isdecimal()):
        raise UsageError(f"{key!r} is not topic/partition/offset, for example feedwheel.feedback/0/17")
    return topic, int(partition), int(offset)


def _text(cipher: PayloadCipher | None, row: dict[str, Any]) -> str | None:
    """Headers, a line each, and the value."""
    if cipher is None or row["raw"] is None:
        return None
    sent = cipher.decrypt(row["raw"])
    return "\n".join(
        [*(_printable(name.encode() + b": " + (value or b"")) for name, value in sent.headers), _printable(sent.value)]
    )


def _printable(sent: bytes) -> str:
    """A payload is hostile until proven otherwise, so control characters are escaped."""
    text = sent.decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
