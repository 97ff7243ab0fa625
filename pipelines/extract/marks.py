"""High-water marks: what extract has taken from bronze, and as of when.

They are transactions of `silver/conversations`, committed with the revisions they led to, so both hold or neither:

    extract/<app>/<topic id>/<partition>    next offset to take from bronze
    extract/<app>/as_of                     extract's clock, in milliseconds since the epoch; never decreases
    extract/<app>/revision                  time of the newest revision, in milliseconds since the epoch; increases
    extract/<app>/layers                    layers of user keys that the newest run knew
    extract/<app>/judge                     digest of the judge's version, by which all current revisions were judged

The revision is part of every commit, so two runs of one application fence each other even where no offset moves.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from deltalake import DeltaTable

from feedback.judge import Judge
from pipelines.bronze import Partition
from pipelines.consents import Horizon
from pipelines.io.delta_log import transactions

_AS_OF: Final = "as_of"
_REVISION: Final = "revision"
_LAYERS: Final = "layers"
_JUDGE: Final = "judge"


@dataclass(frozen=True, slots=True)
class Marks:
    """How far one application is extracted. `as_of_ms` and so on are those of the newest run, 0 before one."""

    next_offsets: Mapping[Partition, int]
    as_of_ms: int = 0
    revision_ms: int = 0
    layers: int = 0
    judge: int = 0

    @property
    def horizon(self) -> Horizon:
        """Which changes of consent the newest run knew."""
        return Horizon(self.next_offsets, self.layers)

    def to_transactions(self, app: str) -> dict[str, int]:
        """The transactions that record these marks."""
        offsets = {f"{topic_id}/{partition}": offset for (topic_id, partition), offset in self.next_offsets.items()}
        of_run = {_AS_OF: self.as_of_ms, _REVISION: self.revision_ms, _LAYERS: self.layers, _JUDGE: self.judge}
        return {f"{_root(app)}{name}": version for name, version in (offsets | of_run).items()}


def read_marks(conversations: DeltaTable, app: str) -> Marks:
    """The marks as a handle of `silver/conversations` has read them."""
    root, offsets, instants = _root(app), dict[Partition, int](), dict[str, int]()
    for app_id, version in transactions(conversations).items():
        match app_id.removeprefix(root).split("/"):
            case _ if not app_id.startswith(root):
                continue
            case [topic_id, partition]:
                offsets[topic_id, int(partition)] = version
            case [name]:
                instants[name] = version
    return Marks(offsets, *(instants.get(name, 0) for name in (_AS_OF, _REVISION, _LAYERS, _JUDGE)))


def _root(app: str) -> str:
    return f"extract/{app}/"


def digest_of(judge: Judge) -> int:
    """52 bits over the version of a judge."""
    return int(hashlib.sha256(judge.version.encode()).hexdigest()[:13], 16)


def to_milliseconds(time: datetime) -> int:
    """Whole milliseconds since the epoch, the resolution of the clock."""
    return int(time.timestamp() * 1000)


def from_milliseconds(milliseconds: int) -> datetime:
    """The instant, UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
