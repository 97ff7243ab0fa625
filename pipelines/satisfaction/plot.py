"""Reliability as a picture: what was predicted against what was observed, a panel for each system.

In: figures of systems. Out: a PNG or whatever matplotlib makes of the name.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from feedback.bias.logistic import NORMAL_95
from pipelines.satisfaction.measure import Bin, Quality

_COLUMNS: Final = 4
_PANEL_IN: Final = 2.4
_INK: Final = "#0f766e"


def reliability(found: Sequence[Quality], target: Path) -> None:
    """Draw one panel for each system."""
    rows = math.ceil(len(found) / _COLUMNS)
    figure = Figure(figsize=(_PANEL_IN * _COLUMNS, (_PANEL_IN + 0.3) * rows), layout="constrained")
    panels = list(figure.subplots(rows, _COLUMNS, squeeze=False, sharex=True, sharey=True).flat)
    for panel, quality in zip(panels, found, strict=False):
        _draw(panel, quality)
    for panel in panels[len(found) :]:
        panel.set_axis_off()
    figure.supxlabel("predicted: P(dissatisfied) after 200 labels", fontsize=9)
    figure.supylabel("observed: share disliked", fontsize=9)
    figure.savefig(target, dpi=150)


def _draw(panel: Axes, quality: Quality) -> None:
    panel.plot([0, 1], [0, 1], color="#cbd5e1", linewidth=1)
    panel.errorbar(
        [one.predicted for one in quality.reliability],
        [one.observed for one in quality.reliability],
        [_chance(one) for one in quality.reliability],
        fmt="o-",
        color=_INK,
        markersize=3,
        linewidth=1,
        elinewidth=0.7,
    )
    panel.set_title(f"{quality.corpus} {quality.system}, {quality.n:,}", fontsize=9)
    panel.set_xlim(0, 1)
    panel.set_ylim(0, 1)
    panel.set_aspect("equal")
    panel.tick_params(labelsize=8)


def _chance(one: Bin) -> float:
    """How far from its probability chance leaves the share of a bin that is right, in 95 % of all cases."""
    return NORMAL_95 * math.sqrt(max(one.predicted * (1 - one.predicted), 0.0) / one.n)
