"""Where a day stands in the panel of its year: weeks are columns, Monday to Sunday are rows.

In: a year or a day. Out: columns and rows from 0. The first week holds 1 January.
"""

from collections.abc import Iterator
from datetime import date, timedelta


def cell(day: date) -> tuple[int, int]:
    """Week and weekday of a day."""
    first = date(day.year, 1, 1)
    return ((day - first).days + first.weekday()) // 7, day.weekday()


def weeks(year: int) -> int:
    """Columns of a panel: 53, or 54 in a leap year that starts on a Sunday."""
    return cell(date(year, 12, 31))[0] + 1


def month_weeks(year: int) -> list[int]:
    """The week that holds the first day of each month."""
    return [cell(date(year, month, 1))[0] for month in range(1, 13)]


def days_of(year: int) -> Iterator[date]:
    """Every day of a year."""
    first = date(year, 1, 1)
    for offset in range((date(year, 12, 31) - first).days + 1):
        yield first + timedelta(days=offset)
