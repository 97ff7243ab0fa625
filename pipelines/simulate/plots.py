"""Plots of a turn as SVG text: the funnel, the gate's interval, accuracy turn by turn, time against budget."""

import io
from collections.abc import Sequence
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from feedback.statistics import Interval
from pipelines.simulate.summary import FunnelLevel, StageTime

mpl.rcParams["svg.hashsalt"] = "feedwheel"  # equal data gives equal SVG
mpl.rcParams["svg.fonttype"] = "none"

INK: Final = "#1f2a37"
ACCENT: Final = "#0f766e"
MUTED: Final = "#cbd5e1"
WARN: Final = "#b45309"
WIDTH_IN: Final = 7.5


def funnel(levels: Sequence[FunnelLevel]) -> str:
    """The count of each level as horizontal bars, the part that this turn added in full colour."""
    figure, axes = _figure(0.5 * len(levels) + 0.4)
    for place, of in enumerate(levels):
        before = of.level.count - of.new
        axes.barh(place, before, color=MUTED, height=0.62)
        axes.barh(place, of.new, left=before, color=ACCENT, height=0.62)
        _note(axes, f"{of.level.count:,}" + (f" ({of.new:+,})" if before else ""), of.level.count, place)
    axes.set_yticks(range(len(levels)), [of.level.name for of in levels])
    axes.invert_yaxis()
    axes.set_xlim(0, 1.2 * max((of.level.count for of in levels), default=1))
    axes.set_xticks([])
    return _svg(figure)


def difference(interval: Interval, margin: float, verdict: str) -> str:
    """The gate's interval of the challenger's advantage, against nothing and the margin."""
    figure, axes = _figure(1.3)
    axes.axvspan(-margin, 0, color="#fef3c7")
    axes.axvline(0, color=INK, linewidth=1)
    _whisker(axes, interval, 0)
    axes.set_yticks([0], [verdict])
    axes.set_ylim(-1, 1)
    axes.set_xlim(min(-0.3, interval.low - 0.1), 1)
    axes.set_xlabel("challenger minus champion: difference of accuracy on the gate items (by person)", fontsize=9)
    return _svg(figure)


def accuracy(points: Sequence[tuple[str, Interval]]) -> str:
    """True accuracy with its interval after each turn, in percent."""
    figure, axes = _figure(2.6)
    for place, (_, interval) in enumerate(points):
        low, high = interval.estimate - interval.low, interval.high - interval.estimate
        axes.errorbar(
            place, 100 * interval.estimate, [[100 * low], [100 * high]], fmt="o", color=ACCENT, capsize=4, markersize=6
        )
        _note(axes, f"{interval.estimate:.1%}", place, 100 * interval.estimate)
    axes.set_xticks(range(len(points)), [name for name, _ in points])
    axes.set_xlim(-0.4, len(points) - 0.4)
    axes.set_ylim(-4, 100)
    axes.set_ylabel("exact answers, %", fontsize=9)
    return _svg(figure)


def times(stages: Sequence[StageTime]) -> str:
    """Seconds of each step, with its budget as a mark."""
    figure, axes = _figure(0.32 * len(stages) + 0.7)
    for place, stage in enumerate(stages):
        over = stage.budget_s is not None and stage.seconds > stage.budget_s
        axes.barh(place, stage.seconds, color=WARN if over else ACCENT if stage.budget_s else MUTED, height=0.6)
        _note(axes, f"{stage.seconds:.0f} s", max(stage.seconds, stage.budget_s or 0), place)
        if stage.budget_s is not None:
            axes.plot([stage.budget_s] * 2, [place - 0.4, place + 0.4], color=INK, linewidth=1.5)
    axes.set_yticks(range(len(stages)), [stage.name for stage in stages])
    axes.invert_yaxis()
    axes.set_xlabel("seconds; the mark is the budget on two cores", fontsize=9)
    return _svg(figure)


def _note(axes: Axes, text: str, x: float, y: float) -> None:
    axes.annotate(text, (x, y), xytext=(6, 0), textcoords="offset points", va="center", fontsize=9, color=INK)


def _whisker(axes: Axes, interval: Interval, place: float) -> None:
    axes.plot([interval.low, interval.high], [place, place], color=ACCENT, linewidth=3, solid_capstyle="round")
    axes.plot(interval.estimate, place, "o", color=ACCENT, markersize=8)
    label = f"{interval.estimate:+.2f}  [{interval.low:+.2f}, {interval.high:+.2f}]"
    axes.text(interval.estimate, place + 0.35, label, ha="center", fontsize=9, color=INK)


def _figure(height_in: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
    axes = figure.subplots()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(labelsize=9, colors=INK)
    return figure, axes


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
