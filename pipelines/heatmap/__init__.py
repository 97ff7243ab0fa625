"""Heat map: on which days somebody's conversations with ChatGPT or Claude began.

In: exports, whose product is told by what they hold. Out: a calendar for each export, one panel a year, as PNG or as
one HTML page. `stage` goes through the steps, `calendars` counts, `days` says where a day stands in its year's panel,
`picture` and `page` draw.
"""

from pipelines.heatmap.stage import HeatmapReport, run

__all__ = ["HeatmapReport", "run"]
