"""Heat map: on which days somebody's conversations with ChatGPT or Claude began.

In: exports, whose product is told by what they hold. Out: a calendar for each export, one panel a year, weeks by
weekdays Monday to Sunday, as PNG or as one HTML page. A conversation counts on the local date on which it began; every
conversation is on a day, or counted as undated or skipped.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from feedback.capture.importers import chatgpt, claude
from feedback.capture.importers.export import Export
from feedback.capture.importers.refusal import ExportRefused, Skipped
from feedback.capture.importers.stream import parts
from schemas.errors import UsageError

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
    def full(self) -> float:
        """The count from which colour is full: the quantile of days with conversations, at least 1."""
        counts = sorted(self.days.values())
        if not counts:
            return 1.0
        place = SCALE_QUANTILE * (len(counts) - 1)
        low = int(place)
        high = min(low + 1, len(counts) - 1)
        return max(1.0, counts[low] + (counts[high] - counts[low]) * (place - low))

    def depth(self, day: date) -> float:
        """How full the colour of a day is, 0 to 1."""
        return min(1.0, self.days.get(day, 0) / self.full)


@dataclass(frozen=True, slots=True)
class ExportDays:
    """One export in the report. `days` by ISO date, `years` by number: conversations."""

    name: str
    product: Product
    conversations: int
    active_days: int
    busiest_day: str | None
    undated: int
    skipped: dict[str, int]
    years: dict[str, int]
    days: dict[str, int]


@dataclass(frozen=True, slots=True)
class HeatmapReport:
    """What was drawn, and where it is."""

    output: str
    timezone: str
    years: list[int]
    exports: list[ExportDays]


def run(paths: Sequence[Path], output: Path, tz: str | None = None, year: int | None = None) -> HeatmapReport:
    """Draw the exports. Raises UsageError, ExportRefused."""
    from pipelines.heatmap_page import write_page
    from pipelines.heatmap_picture import write_picture

    write = {".png": write_picture, ".html": write_page}.get(output.suffix.lower())
    if write is None:
        raise UsageError(f"--output {output}: its name must end in .png or .html")
    zone = _zone(tz)
    calendars = [_only(read_calendar(path, zone), year) for path in paths]
    years = [year] if year else years_of(calendars)
    try:
        write(output, calendars, years)
    except OSError as error:
        raise UsageError(f"--output {output}: {error.strerror}: name a file that can be written") from error
    return HeatmapReport(str(output), tz or "local", years, [_describe(calendar) for calendar in calendars])


def read_calendar(path: Path, zone: tzinfo | None) -> Calendar:
    """Count the conversations of an export by their local start date. Raises ExportRefused."""
    export = Export.of(path)
    names = export.named("conversations")
    if not names:
        raise ExportRefused("not_an_export", str(path), "conversations.json is not in it")
    days, skipped, products, undated = Counter[date](), Counter[str](), Counter[Product](), 0
    for part in (part for name in names for part in parts(export, name)):
        product = "unknown" if isinstance(part, Skipped) else _product(part)
        if isinstance(part, Skipped) or product == "unknown":
            skipped[part.reason if isinstance(part, Skipped) else "not_a_conversation"] += 1
            continue
        products[product] += 1
        if (start := _STARTED[product](part)) is None:
            undated += 1
        else:
            days[start.astimezone(zone).date()] += 1
    product = products.most_common(1)[0][0] if products else _product_of_files(export)
    return Calendar(path.stem or str(path), product, days, undated, skipped)


def years_of(calendars: Iterable[Calendar]) -> list[int]:
    """From the first year with a conversation to the last, empty ones between them too; this year if there is none."""
    found = {day.year for calendar in calendars for day in calendar.days}
    return list(range(min(found), max(found) + 1)) if found else [datetime.now(UTC).year]


def cell(day: date) -> tuple[int, int]:
    """Week and weekday of a day in its year's panel: weeks start on Monday, the first one holds 1 January."""
    first = date(day.year, 1, 1)
    return ((day - first).days + first.weekday()) // 7, day.weekday()


def weeks(year: int) -> int:
    """Columns of a year's panel: 53, or 54 in a leap year that starts on a Sunday."""
    return cell(date(year, 12, 31))[0] + 1


def month_weeks(year: int) -> list[int]:
    """The week that holds the first day of each month."""
    return [cell(date(year, month, 1))[0] for month in range(1, 13)]


def days_of(year: int) -> Iterator[date]:
    """Every day of a year."""
    day = date(year, 1, 1)
    for offset in range((date(year, 12, 31) - day).days + 1):
        yield day + timedelta(days=offset)


def _zone(name: str | None) -> tzinfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError):
        raise UsageError(f"--tz {name!r} is no time zone: write one like Europe/Berlin") from None


def _product(part: Mapping[str, Any]) -> Product:
    if "mapping" in part:
        return "ChatGPT"
    return "Claude" if "chat_messages" in part else "unknown"


def _product_of_files(export: Export) -> Product:
    """Of an export without conversations: by the other files."""
    if export.named("message_feedback") or export.named("user"):
        return "ChatGPT"
    return "Claude" if export.named("users") or export.named("projects") else "unknown"


def _only(calendar: Calendar, year: int | None) -> Calendar:
    if year is None:
        return calendar
    days = {day: count for day, count in calendar.days.items() if day.year == year}
    return Calendar(calendar.name, calendar.product, days, calendar.undated, calendar.skipped)


def _describe(calendar: Calendar) -> ExportDays:
    days = dict(sorted(calendar.days.items()))
    years = Counter[str]()
    for day, count in days.items():
        years[str(day.year)] += count
    busiest = max(days, key=lambda day: (days[day], day), default=None)
    return ExportDays(
        name=calendar.name,
        product=calendar.product,
        conversations=sum(days.values()) + calendar.undated,
        active_days=len(days),
        busiest_day=busiest.isoformat() if busiest else None,
        undated=calendar.undated,
        skipped=dict(calendar.skipped),
        years=dict(years),
        days={day.isoformat(): count for day, count in days.items()},
    )
