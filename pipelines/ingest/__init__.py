"""Ingest: Kafka to bronze, exactly once by offset (I1, I2, I4, I10).

In: topics declared in feedwheel.toml. Out: bronze tables whose every row is an accepted or a rejected record, and whose
transactions say how far each partition has come. `drain` is the stage; `pipeline` is its Beam pipeline.
"""

from pipelines.ingest.drain import LogTruncated, Pace, run
from pipelines.ingest.offsets import as_of
from pipelines.ingest.report import IngestReport

__all__ = ["IngestReport", "LogTruncated", "Pace", "as_of", "run"]
