"""Maintenance: few files instead of many, nothing kept that is not needed, every row where it was (I1, I3, I4).

In: the tables of bronze and silver, and the runs of ops. Out: the same rows in fewer, sorted files; payloads of
rejected records null after their 14 days; files of older versions deleted. Files, in the order a run goes through them:
`stage`, `engines`, `plan` (which files become one), `compaction`, `report`.
"""

from pipelines.maintain.engines import Engine
from pipelines.maintain.report import MaintainReport
from pipelines.maintain.stage import run

__all__ = ["Engine", "MaintainReport", "run"]
