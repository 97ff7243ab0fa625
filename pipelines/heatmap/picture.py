"""The heat map as a picture, by matplotlib.

In: calendars and years. Out: a PNG in which every export has a row and every year a column, with a scale for each row.
"""

import calendar as names
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pipelines.heatmap.calendars import Calendar, Product
from pipelines.heatmap.days import cell, days_of, month_weeks, weeks

COLOUR_MAPS: Final[dict[Product, str]] = {"ChatGPT": "Greens", "Claude": "Oranges", "unknown": "Greys"}
EMPTY: Final = "#eeeeee"
_PALEST: Final = 0.25
"""Of the colour map: one conversation must stand out from a day without any."""
_CELL_INCHES: Final = 0.16
_DPI: Final = 150
_MARGINS: Final = {"left": 0.55, "right": 0.2, "top": 0.8, "bottom": 0.45}
"""Inches around all panels."""
_BETWEEN: Final = {"columns": 0.5, "rows": 1.25}
"""Inches between panels: weekday names, and title, months and scale."""


def colour(product: Product, depth: float) -> str:
    """The colour of a day as #rrggbb; `depth` 0 is a day without conversations."""
    import matplotlib as mpl

    if depth <= 0:
        return EMPTY
    rgba = mpl.colormaps[COLOUR_MAPS[product]](_PALEST + (1 - _PALEST) * depth)
    return "#" + "".join(f"{round(part * 255):02x}" for part in rgba[:3])


@dataclass(frozen=True, slots=True)
class _Sheet:
    """A picture that is measured in inches from its lower left corner; matplotlib takes shares of it."""

    width: float
    height: float

    def at(self, x: float, y: float) -> tuple[float, float]:
        """A point, or a width and a height."""
        return x / self.width, y / self.height


def write_picture(output: Path, calendars: Sequence[Calendar], years: Sequence[int]) -> None:
    """Draw and save. Raises OSError."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = max(map(weeks, years))
    width, height = columns * _CELL_INCHES, 7 * _CELL_INCHES
    column_width, row_height = width + _BETWEEN["columns"], height + _BETWEEN["rows"]
    sheet = _Sheet(
        width=_MARGINS["left"] + len(years) * column_width + _MARGINS["right"],
        height=_MARGINS["top"] + len(calendars) * row_height - _BETWEEN["rows"] + _MARGINS["bottom"],
    )
    figure = Figure(figsize=(sheet.width, sheet.height), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    for row, calendar in enumerate(calendars):
        left, top = _MARGINS["left"], sheet.height - _MARGINS["top"] - row * row_height
        for column, year in enumerate(years):
            place = (*sheet.at(left + column * column_width, top - height), *sheet.at(width, height))
            _draw_year(figure.add_axes(place), calendar, year, columns)
        figure.text(*sheet.at(left, top + 0.5), _heading(calendar), fontsize=11, weight="bold")
        _draw_scale(figure, sheet, calendar, (left, top - height - 0.28))
    figure.savefig(output, format="png")


def _heading(calendar: Calendar) -> str:
    plural = "" if calendar.total == 1 else "s"
    return f"{calendar.product} ({calendar.name}): {calendar.total:,} conversation{plural}"


def _draw_year(axes: Any, calendar: Calendar, year: int, columns: int) -> None:
    from matplotlib.patches import Rectangle

    for day in days_of(year):
        week, weekday = cell(day)
        fill = colour(calendar.product, calendar.depth(day))
        axes.add_patch(Rectangle((week + 0.06, weekday + 0.06), 0.88, 0.88, color=fill, lw=0))
    axes.set_xlim(0, columns)
    axes.set_ylim(7, 0)
    axes.set_yticks([row + 0.5 for row in range(7)], list(names.day_abbr), fontsize=6)
    axes.set_xticks([week + 0.5 for week in month_weeks(year)], list(names.month_abbr)[1:], fontsize=7)
    axes.xaxis.tick_top()
    axes.tick_params(length=0, pad=2)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_title(f"{year}: {calendar.by_year().get(year, 0):,}", loc="left", fontsize=8, pad=14)


def _draw_scale(figure: Any, sheet: _Sheet, calendar: Calendar, corner: tuple[float, float]) -> None:
    """Five squares from no conversation to the count at which colour is full."""
    from matplotlib.patches import Rectangle

    side, step, (left, bottom) = 0.13, 0.15, corner
    figure.text(*sheet.at(left, bottom + 0.02), "0", fontsize=7, ha="left")
    left += 0.12
    for depth in (0.0, 0.25, 0.5, 0.75, 1.0):
        fill = colour(calendar.product, depth)
        patch = Rectangle(sheet.at(left, bottom), *sheet.at(side, side), color=fill, lw=0)
        patch.set_transform(figure.transFigure)
        figure.patches.append(patch)
        left += step
    figure.text(*sheet.at(left + 0.03, bottom + 0.02), f"{calendar.full:.3g} or more a day", fontsize=7, ha="left")
