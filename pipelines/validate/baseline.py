"""The trailing baseline: what the newest admitted batches were made of, as their gate records say.

In: gate records of validate. Out: their histograms, added; how large they were and how long they took; what any
admitted batch ever had. A batch that a person waived is admitted, and so belongs to it.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from pipelines.validate.mix import DECLARED, Mix, total
from schemas.config import Validation


class Entry(msgspec.Struct, frozen=True):
    """What a gate record keeps of its batch, of its new rows alone.

    `as_of`: extract's clock, in seconds since the epoch. The shares are what one person has of the `turns`, and of the
    `feedback`, which counts explicit signals.
    """

    turns: int
    as_of: float
    person_share: float | None
    feedback_person_share: float | None
    feedback: int
    mix: Mix


@dataclass(frozen=True, slots=True)
class Baseline:
    """The newest admitted batches with new turns, oldest first; `known` are the declared categories ever admitted."""

    entries: Sequence[Entry]
    known: Mapping[str, frozenset[str]]

    @property
    def mix(self) -> Mix:
        """Their histograms, added; none weighs more than two of median size: a waived flood is not the rule."""
        most = 2 * statistics.median(entry.turns for entry in self.entries)
        return total([(entry.mix, min(1.0, most / entry.turns)) for entry in self.entries])

    def volume_ratio(self, new: Entry) -> float:
        """How unusual a batch's number of new turns is, as a ratio of at least 1 to the median, up or down.

        By batch, and by hour where times are known: a batch that catches up after a pause is as large as the pause is
        long, and one that comes early as small. Whichever is less unusual counts; 1 if they disagree on the direction.
        """
        by_batch = new.turns / statistics.median(entry.turns for entry in self.entries)
        spans = [late.as_of - early.as_of for early, late in zip(self.entries, self.entries[1:], strict=False)]
        span, usual = new.as_of - self.entries[-1].as_of, statistics.median(spans) if spans else 0.0
        by_hour = by_batch * usual / span if span > 0 and usual > 0 else by_batch
        low, high = sorted((by_batch, by_hour))
        return low if low > 1 else 1 / high if high < 1 else 1.0

    def usual(self, share: str) -> float:
        """The median of one of these shares."""
        return statistics.median(getattr(entry, share) or 0.0 for entry in self.entries)


def baseline_of(evidence: Sequence[Mapping[str, Any]], validation: Validation) -> Baseline:
    """The baseline that the evidence of admitted batches, oldest first, gives; records from before it kept any."""
    entries = [msgspec.convert(found["batch"], Entry) for found in evidence if found.get("batch")]
    known: dict[str, frozenset[str]] = {
        name: frozenset(category for entry in entries for category in entry.mix.get(name, {}).get("", {}))
        for name in DECLARED
    }
    return Baseline([entry for entry in entries if entry.turns][-validation.baseline_batches :], known)
