"""How many conversations of an export began on each day.

In: an export of ChatGPT or Claude, and a time zone. Out: its calendar. Every conversation is on a day, or counted as
undated or skipped.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from feedwheel_capture.events import EARLIEST, LATEST

from feedback.capture.importers import chatgpt, claude
from feedback.capture.importers.export import Export
from feedback.capture.importers.refusal import ExportRefused, Skipped
from feedback.capture.importers.stream import parts

Product = Literal["ChatGPT", "Claude", "unknown"]
SCALE_QUANTILE: Final = 0.9
"""The day at which colour is full: one busy day must not pale all others."""
_STARTED: Final[Mapping[Product, Callable[[Mapping[str, Any]], datetime | None]]] = {
    "ChatGPT": chatgpt.started,
    "Claude": claude.started,
}


@dataclass(frozen=True, slots=True)
class Calendar:
    """The conversations of one export by local start date."""

    name: str
    product: Product
    days: Mapping[date, int]
    undated: int
    skipped: Mapping[str, int]

    @property
    def total(self) -> int:
        """Conversations that are on a day."""
        return sum(self.days.values())

    @property
    def full(self) -> float:
        """The count from which colour is full: the quantile of days with conversations, at least 1."""
        return max(1.0, float(np.quantile(list(self.days.values()), SCALE_QUANTILE))) if self.days else 1.0

    def depth(self, day: date) -> float:
        """How full the colour of a day is, 0 to 1."""
        return min(1.0, self.days.get(day, 0) / self.full)

    def by_year(self) -> dict[int, int]:
        """Conversations of each year that has any, oldest first."""
        years = Counter[int]()
        for day in sorted(self.days):
            years[day.year] += self.days[day]
        return dict(years)


def read_calendar(path: Path, zone: tzinfo | None) -> Calendar:
    """Count the conversations of an export by their local start date. Raises ExportRefused."""
    export = Export.of(path)
    names = export.named("conversations")
    if not names:
        raise ExportRefused("not_an_export", str(path), "conversations.json is not in it")
    days, skipped, products, undated = Counter[date](), Counter[str](), Counter[Product](), 0
    for part in parts(export, names):
        if isinstance(part, Skipped):
            skipped[part.reason] += 1
        elif (product := _product(part)) == "unknown":
            skipped["not_a_conversation"] += 1
        else:
            products[product] += 1
            if day := _day(_STARTED[product](part), zone):
                days[day] += 1
            else:
                undated += 1
    product = products.most_common(1)[0][0] if products else _product_of_files(export)
    return Calendar(path.stem or str(path), product, days, undated, skipped)


def _day(start: datetime | None, zone: tzinfo | None) -> date | None:
    """The local date; None for a time that cannot be true, as a damaged export has it."""
    return start.astimezone(zone).date() if start and EARLIEST <= start < LATEST else None


def _product(part: Mapping[str, Any]) -> Product:
    if "mapping" in part:
        return "ChatGPT"
    return "Claude" if "chat_messages" in part else "unknown"


def _product_of_files(export: Export) -> Product:
    """Of an export without conversations: by the other files."""
    if export.named("message_feedback") or export.named("user"):
        return "ChatGPT"
    return "Claude" if export.named("users") or export.named("projects") else "unknown"
