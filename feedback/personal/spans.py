"""What is found in a text, and which find stays where several overlap.

In: finds of every recogniser. Out: finds in order, without overlaps.
"""

from bisect import bisect
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from feedwheel_capture.patterns import PiiType

PersonalType = (
    PiiType
    | Literal[
        "PERSON",
        "ADDRESS",
        "LOCATION",
        "DATE_OF_BIRTH",
        "PASSPORT",
        "DRIVER_LICENSE",
        "BANK_ACCOUNT",
        "ACCOUNT_ID",
        "HEALTH_ID",
        "VEHICLE_ID",
        "DEVICE_ID",
        "CRYPTO",
        "USERNAME",
        "ORGANIZATION",
    ]
)
"""What counts as personal; docs/personal_data.md says of each what it is and how it is found."""

CERTAIN: Final = 0.95
"""Confidence of a form that check digits or an unmistakable beginning confirm."""
LIKELY: Final = 0.85
"""Confidence where the words around say what it is."""
POSSIBLE: Final = 0.6
"""Confidence of a form or of a word list alone."""
UNSURE: Final = 0.5
"""Confidence of what a language model alone says: any other find wins."""


@dataclass(frozen=True, slots=True)
class Find:
    """Code points [start, end) of a text, what they are, and how sure that is, 0 to 1."""

    start: int
    end: int
    type: PersonalType
    confidence: float


def apart(finds: Iterable[Find]) -> list[Find]:
    """Finds in order without overlaps: the surer stays, of two as sure the longer, of two as long the first."""
    kept, taken = list[Find](), Taken()
    for find in sorted(finds, key=lambda find: (-find.confidence, find.start - find.end, find.start)):
        if taken.add(find.start, find.end):
            kept.append(find)
    return sorted(kept, key=lambda find: find.start)


class Taken:
    """Intervals of a text without overlaps, in logarithmic time each."""

    def __init__(self) -> None:
        self._intervals = list[tuple[int, int]]()

    def add(self, start: int, end: int) -> bool:
        """Take [start, end) if nothing of it is taken; says whether."""
        place = bisect(self._intervals, (start, end))
        if self._meets(place, start, end):
            return False
        self._intervals.insert(place, (start, end))
        return True

    def meets(self, start: int, end: int) -> bool:
        """Whether something of [start, end) is taken."""
        return self._meets(bisect(self._intervals, (start, end)), start, end)

    def _meets(self, place: int, start: int, end: int) -> bool:
        around = self._intervals[max(0, place - 1) : place + 1]
        return any(start < other_end and other_start < end for other_start, other_end in around)
