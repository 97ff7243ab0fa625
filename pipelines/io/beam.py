"""Bounded Beam pipelines on the embedded runner.

In: a pipeline's steps. Out: their effects, when the block ends. An error of ours that a step raised arrives as itself,
with the step's name in its message.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

_RUNNER: Final = "FnApiRunner"
"""By name: `DirectRunner` first tries to download another runner."""


@contextmanager
def embedded_pipeline(threads: int = 1) -> Iterator[beam.Pipeline]:
    """A pipeline that runs to its end when the block is left, in so many threads of this process."""
    # A list, if an empty one: without it, options are read from the command line of whatever process this is.
    options = [] if threads == 1 else [f"--direct_num_workers={threads}", "--direct_running_mode=multi_threading"]
    with beam.Pipeline(_RUNNER, options=PipelineOptions(options)) as pipeline:
        yield pipeline
