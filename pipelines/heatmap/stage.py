"""The heat map from the exports to the file, in order.

In: paths of exports. Out: a PNG or an HTML page, and a report of what is on it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from pipelines.heatmap.calendars import Calendar, Product, read_calendar
from pipelines.heatmap.page import write_page
from pipelines.heatmap.picture import write_picture
from schemas.errors import UsageError


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


def years_of(calendars: Iterable[Calendar]) -> list[int]:
    """From the first year with a conversation to the last, empty ones between them too; this year if there is none."""
    found = {year for calendar in calendars for year in calendar.by_year()}
    return list(range(min(found), max(found) + 1)) if found else [datetime.now(UTC).year]


def _zone(name: str | None) -> tzinfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError):
        raise UsageError(f"--tz {name!r} is no time zone: write one like Europe/Berlin") from None


def _only(calendar: Calendar, year: int | None) -> Calendar:
    if year is None:
        return calendar
    return replace(calendar, days={day: count for day, count in calendar.days.items() if day.year == year})


def _describe(calendar: Calendar) -> ExportDays:
    busiest = max(calendar.days, key=lambda day: (calendar.days[day], day), default=None)
    return ExportDays(
        name=calendar.name,
        product=calendar.product,
        conversations=calendar.total + calendar.undated,
        active_days=len(calendar.days),
        busiest_day=busiest.isoformat() if busiest else None,
        undated=calendar.undated,
        skipped=dict(calendar.skipped),
        years={str(year): count for year, count in calendar.by_year().items()},
        days={day.isoformat(): count for day, count in sorted(calendar.days.items())},
    )
