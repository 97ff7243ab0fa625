"""The heat map as one HTML page that needs nothing else: drawings as inline SVG, and the numbers as a table.

In: calendars and years. Out: the page. Names come from outside and are escaped.
"""

import calendar as names
from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Final

from pipelines.heatmap.calendars import Calendar
from pipelines.heatmap.days import cell, days_of, month_weeks, weeks
from pipelines.heatmap.picture import colour

_CELL: Final = 13
_LEFT: Final = 30
_TOP: Final = 18
_STYLE: Final = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 2rem; color: #222; background: #fff }
.years { display: flex; flex-wrap: wrap; gap: 1rem 2rem }
figure { margin: 0 } figcaption { font-weight: 600 }
svg text { font-size: 9px; fill: #555 }
table { border-collapse: collapse; margin-top: 1rem; font-size: 13px }
th, td { padding: .15rem .6rem; text-align: right } th:first-child { text-align: left }
tbody tr:nth-child(odd) { background: #f6f6f6 }
"""


def write_page(output: Path, calendars: Sequence[Calendar], years: Sequence[int]) -> None:
    """Write the page. Raises OSError."""
    body = "\n".join(_section(calendar, years) for calendar in calendars)
    output.write_text(
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Conversations by day</title>'
        f"<style>{_STYLE}</style></head><body>\n<h1>Conversations by day</h1>\n{body}\n</body></html>\n",
        encoding="utf-8",
    )


def _section(calendar: Calendar, years: Sequence[int]) -> str:
    title = escape(f"{calendar.product} ({calendar.name}): {calendar.total:,}")
    panels = "\n".join(_panel(calendar, year) for year in years)
    return f'<section><h2>{title}</h2>\n<div class="years">{panels}</div>\n{_table(calendar, years)}</section>'


def _panel(calendar: Calendar, year: int) -> str:
    width, height = _LEFT + weeks(year) * _CELL, _TOP + 7 * _CELL
    drawn = "".join((*_labels(year), *_cells(calendar, year)))
    label = escape(f"{calendar.product} {year}")
    svg = f'<svg role="img" aria-label="{label}" width="{width}" height="{height}">{drawn}</svg>'
    return f"<figure><figcaption>{year}</figcaption>{svg}</figure>"


def _labels(year: int) -> Iterator[str]:
    for month, week in enumerate(month_weeks(year), 1):
        yield f'<text x="{_LEFT + week * _CELL}" y="{_TOP - 5}">{names.month_abbr[month]}</text>'
    for weekday, name in enumerate(names.day_abbr):
        yield f'<text x="0" y="{_TOP + weekday * _CELL + 10}">{name}</text>'


def _cells(calendar: Calendar, year: int) -> Iterator[str]:
    for day in days_of(year):
        week, weekday = cell(day)
        fill = colour(calendar.product, calendar.depth(day))
        yield (
            f'<rect x="{_LEFT + week * _CELL}" y="{_TOP + weekday * _CELL}" width="{_CELL - 2}" height="{_CELL - 2}" '
            f'rx="2" fill="{fill}"><title>{day.isoformat()}: {calendar.days.get(day, 0)}</title></rect>'
        )


def _table(calendar: Calendar, years: Sequence[int]) -> str:
    """Conversations by year and month."""
    counts = Counter[tuple[int, int]]()
    for day, count in calendar.days.items():
        counts[day.year, day.month] += count
    head = "".join(f"<th>{name}</th>" for name in ("Year", *names.month_abbr[1:], "All"))
    rows = "".join(_row(year, [counts[year, month] for month in range(1, 13)]) for year in years)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _row(year: int, months: Sequence[int]) -> str:
    return f"<tr><th>{year}</th>" + "".join(f"<td>{count}</td>" for count in (*months, sum(months))) + "</tr>"
