"""The learning curve as a picture: accuracy over the logarithm of the examples, with intervals and the fitted line."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipelines.curve import CurveReport


def draw(report: "CurveReport", path: Path) -> None:
    """Draw to a file of any form that matplotlib writes. Raises OSError, ValueError for another form."""
    import numpy as np
    from matplotlib.figure import Figure

    sizes = np.array([point.examples for point in report.points])
    found = np.array([point.accuracy.estimate for point in report.points])
    below, above = (
        np.array([abs(getattr(point.accuracy, end) - point.accuracy.estimate) for point in report.points])
        for end in ("low", "high")
    )
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.errorbar(sizes, found, yerr=[below, above], fmt="o", capsize=4, color="#2f6f4f")
    doublings = np.log2(sizes)
    axes.plot(sizes, found.mean() + report.slope.estimate * (doublings - doublings.mean()), color="#2f6f4f", alpha=0.5)
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.set_ylim(0, 1)
    axes.set_xlabel("examples trained on")
    axes.set_ylabel(f"accuracy, {report.people} people, {1 - report.alpha:.0%} intervals")
    axes.set_title(f"{report.slope.estimate:+.3f} per doubling: {report.worth}")
    figure.savefig(path)
