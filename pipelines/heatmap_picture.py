"""The heat map as a picture, by matplotlib.

In: calendars and years. Out: a PNG in which every export has a row and every year a column, with a scale for each row.
"""

import calendar as names
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pipelines.heatmap import Calendar, Product, cell, days_of, month_weeks, weeks

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


def write_picture(output: Path, calendars: Sequence[Calendar], years: Sequence[int]) -> None:
    """Draw and save. Raises OSError."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    width, height = max(map(weeks, years)) * _CELL_INCHES, 7 * _CELL_INCHES
    total_width = _MARGINS["left"] + len(years) * (width + _BETWEEN["columns"]) + _MARGINS["right"]
    total_height = (
        _MARGINS["top"] + len(calendars) * (height + _BETWEEN["rows"]) - _BETWEEN["rows"] + _MARGINS["bottom"]
    )
    figure = Figure(figsize=(total_width, total_height), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    for row, calendar in enumerate(calendars):
        top = total_height - _MARGINS["top"] - row * (height + _BETWEEN["rows"])
        for column, year in enumerate(years):
            left = _MARGINS["left"] + column * (width + _BETWEEN["columns"])
            place = (left / total_width, (top - height) / total_height, width / total_width, height / total_height)
            _draw_year(figure.add_axes(place), calendar, year, max(map(weeks, years)))
        figure.text(
            _MARGINS["left"] / total_width, (top + 0.5) / total_height, _heading(calendar), fontsize=11, weight="bold"
        )
        _draw_scale(figure, calendar, (_MARGINS["left"], top - height - 0.28), (total_width, total_height))
    figure.savefig(output, format="png")


def _heading(calendar: Calendar) -> str:
    count = sum(calendar.days.values())
    return f"{calendar.product} ({calendar.name}): {count:,} conversation{'' if count == 1 else 's'}"


def _draw_year(axes: Any, calendar: Calendar, year: int, columns: int) -> None:
    from matplotlib.patches import Rectangle

    for day in days_of(year):
        week, weekday = cell(day)
        axes.add_patch(
            Rectangle(
                (week + 0.06, weekday + 0.06), 0.88, 0.88, color=colour(calendar.product, calendar.depth(day)), lw=0
            )
        )
    axes.set_xlim(0, columns)
    axes.set_ylim(7, 0)
    axes.set_yticks([row + 0.5 for row in range(7)], list(names.day_abbr), fontsize=6)
    axes.set_xticks([week + 0.5 for week in month_weeks(year)], list(names.month_abbr)[1:], fontsize=7)
    axes.xaxis.tick_top()
    axes.tick_params(length=0, pad=2)
    for spine in axes.spines.values():
        spine.set_visible(False)
    count = sum(number for day, number in calendar.days.items() if day.year == year)
    axes.set_title(f"{year}: {count:,}", loc="left", fontsize=8, pad=14)


def _draw_scale(figure: Any, calendar: Calendar, place: tuple[float, float], size: tuple[float, float]) -> None:
    """Five squares from no conversation to the count at which colour is full."""
    from matplotlib.patches import Rectangle

    steps = [step / 4 for step in range(5)]
    side, (left, bottom) = 0.13, place
    figure.text(left / size[0], (bottom + 0.02) / size[1], "0", fontsize=7, ha="left")
    for number, depth in enumerate(steps):
        corner = ((left + 0.12 + number * (side + 0.02)) / size[0], bottom / size[1])
        patch = Rectangle(corner, side / size[0], side / size[1], color=colour(calendar.product, depth), lw=0)
        patch.set_transform(figure.transFigure)
        figure.patches.append(patch)
    end = left + 0.12 + len(steps) * (side + 0.02) + 0.03
    figure.text(end / size[0], (bottom + 0.02) / size[1], f"{calendar.full:.3g} or more a day", fontsize=7, ha="left")
