"""What a stream is to read next, while ranges that it planned before are still on their way to a commit.

In: the bounds of each log and how far each partition is committed, again and again. Out: ranges that continue what was
planned. What is remembered here is a hint: it keeps a range from being read twice, and decides nothing that is
committed (I2). Forgotten, as by a restart, planning begins at what is committed.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from pipelines.ingest.manifest import Range
from pipelines.ingest.offsets import Progress, Source
from pipelines.ingest.plan import PartitionLog, TableProgress, remaining
from schemas.tables import BronzeTable

_LOG: Final = logging.getLogger(__name__)

PATIENCE_S: Final = 300.0
"""A planned range that is not committed for so long is planned again. Runners repeat what fails, so this is for ranges
that nobody will bring any more; all that is planned at once is read in a tenth of it (measured)."""


@dataclass(slots=True)
class _Planned:
    """What is on its way of one partition: `committed` when last looked at, and where the planned ranges end."""

    committed: int | None
    moved_at: float
    ends: list[int] = field(default_factory=list)
    waits_since: float | None = None
    """Since when there are offsets that no range holds."""

    @property
    def reached(self) -> int | None:
        """Next offset to plan, None for a partition that nobody has opened."""
        return self.ends[-1] if self.ends else self.committed

    def catch_up(self, committed: int | None, now: float) -> bool:
        """Take note of what is committed. False if ranges had to be given up: others committed, or nobody does."""
        moved = committed != self.committed
        if not moved and now - self.moved_at <= PATIENCE_S:
            return True
        self.committed, self.moved_at = committed, now
        if committed in self.ends:
            del self.ends[: self.ends.index(committed) + 1]
            return True
        given_up, self.ends = bool(self.ends), []
        return not given_up

    def plan(self, next_offset: int, now: float) -> None:
        """Put one more range on its way."""
        if not self.ends:
            self.moved_at = now
        self.ends.append(next_offset)


@dataclass(slots=True)
class Lookahead:
    """Plans ranges of `size` offsets, at most `limit` on their way at once; less than that waits `max_age_s`."""

    size: int
    limit: int
    max_age_s: float
    _of: dict[Source, _Planned] = field(default_factory=dict)

    def plan(self, logs: Sequence[PartitionLog], progress: TableProgress, now: float) -> list[Range]:
        """Ranges to read now. `now` is in seconds and never goes back."""
        for log in logs:
            self._catch_up(log, progress, now)
        longest = sorted(logs, key=lambda log: self._waits_since(log, now))
        aged = {log.table for log in logs if now - self._waits_since(log, now) >= self.max_age_s}
        on_their_way = sum(len(planned.ends) for planned in self._of.values())
        due = self._due(longest, aged)
        chosen = list(islice(due, max(0, self.limit - on_their_way)))
        for part in chosen:
            self._of[part.source].plan(part.next, now)
            self._of[part.source].waits_since = None
        return chosen

    def _catch_up(self, log: PartitionLog, progress: TableProgress, now: float) -> None:
        known = progress[log.table].get(log.source)
        committed = known.next if known else None
        planned = self._of.setdefault(log.source, _Planned(committed, now))
        if not planned.catch_up(committed, now):
            _LOG.info("%s[%d] is planned anew from offset %s", log.topic, log.source.partition, committed)
        if planned.reached is not None and planned.reached >= log.bounds.end:
            planned.waits_since = None
        elif planned.waits_since is None:
            planned.waits_since = now

    def _waits_since(self, log: PartitionLog, now: float) -> float:
        since = self._of[log.source].waits_since
        return now if since is None else since

    def _due(self, logs: Sequence[PartitionLog], aged: set[BronzeTable]) -> Iterator[Range]:
        """Full ranges at once; the rest of a partition with the first of its table that has waited long enough.

        So a table with little traffic is committed once in `max_age_s`, whatever its partitions.
        """
        ends = {log.source: log.bounds.end for log in logs}
        for part in remaining(logs, self._when_all_is_committed(logs), self.size):
            is_rest = part.next == ends[part.source] and part.next - part.first < self.size
            if not is_rest or part.table in aged:
                yield part

    def _when_all_is_committed(self, logs: Sequence[PartitionLog]) -> TableProgress:
        """Progress as it will be with what is on its way."""
        found: dict[BronzeTable, dict[Source, Progress]] = {log.table: {} for log in logs}
        for log in logs:
            if (reached := self._of[log.source].reached) is not None:
                found[log.table][log.source] = Progress(log.bounds.begin, reached)
        return found
