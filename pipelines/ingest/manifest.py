"""What passes between the steps of a drain: ranges to read, and manifests of what was read.

A manifest names a written file and counts; records themselves never leave the worker that read them.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from feedwheel_capture.catalogue import TopicName

from pipelines.ingest.offsets import Source
from schemas.events import RejectReason
from schemas.tables import BronzeTable

RejectStage = Literal["decode", "redact"]
Redaction = Literal["redacted", "audited", "leaked"]
"""Nobody vouched for it; somebody did, and rightly; somebody did, and it held a personal pattern all the same."""


@dataclass(frozen=True, slots=True)
class Range:
    """Offsets [first, next) of one partition, and what ingest must know to write them.

    `opens`: the partition was never seen before, so `first` becomes its first offset.
    """

    table: BronzeTable
    topic: str
    maps_to: TopicName
    trusted: bool
    source: Source
    first: int
    next: int
    opens: bool


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a record is not an event we can keep. `detail` names fields, never their content."""

    stage: RejectStage
    reason: RejectReason
    detail: str


@dataclass(frozen=True, slots=True)
class DataFile:
    """A written Parquet file: path below the table, bytes, and the statistics that Delta prunes by (JSON)."""

    path: str
    size: int
    statistics: str


@dataclass(frozen=True, slots=True)
class RangeCounts:
    """Where the offsets of a range went. `accepted` is by application, `rejected` by reason.

    `redactions` says which of the accepted events were looked through here, and what was found. `bytes` are those of
    the records' values, as they lay in the log.
    """

    accepted: Counter[str] = field(default_factory=Counter)
    rejected: Counter[RejectReason] = field(default_factory=Counter)
    gaps: int = 0
    lost: int = 0
    redactions: Counter[Redaction] = field(default_factory=Counter)
    bytes: int = 0

    @property
    def records(self) -> int:
        """Rows written."""
        return self.accepted.total() + self.rejected.total()

    @property
    def offsets(self) -> int:
        """Offsets passed."""
        return self.records + self.gaps + self.lost

    def __add__(self, other: "RangeCounts") -> "RangeCounts":
        return RangeCounts(
            self.accepted + other.accepted,
            self.rejected + other.rejected,
            self.gaps + other.gaps,
            self.lost + other.lost,
            self.redactions + other.redactions,
            self.bytes + other.bytes,
        )


@dataclass(frozen=True, slots=True)
class Manifest:
    """A range that was read to its end. `file` is None where it holds no record.

    `oldest_ms`: when the oldest of its records was appended, milliseconds since the epoch; None without a record.
    """

    range: Range
    file: DataFile | None
    counts: RangeCounts
    oldest_ms: int | None = None

    def __post_init__(self) -> None:
        if self.range.next - self.range.first != self.counts.offsets or self.counts.gaps < 0:
            raise ValueError(f"{self.range.next - self.range.first} offsets of {self.range} are not {self.counts}")
