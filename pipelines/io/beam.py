"""Bounded Beam pipelines on the embedded runner.

In: a pipeline's steps. Out: their effects, when the block ends; an error of ours that a worker raised is raised here as
what it was. Runners hand errors over as the text of a traceback, whatever they ran on.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from schemas import errors
from schemas.errors import FeedwheelError

_RUNNER: Final = "FnApiRunner"
"""By name: `DirectRunner` first tries to download another runner."""
_RAISED: Final = re.compile(r"^schemas\.errors\.(\w+): (.+?)(?: \[while running '.*)?$", re.MULTILINE)


@contextmanager
def embedded_pipeline() -> Iterator[beam.Pipeline]:
    """A pipeline that runs to its end when the block is left. Raises the FeedwheelError of a worker."""
    # An empty list: without one, options are read from the command line of whatever process this is.
    pipeline = beam.Pipeline(_RUNNER, options=PipelineOptions([]))
    yield pipeline
    try:
        pipeline.run().wait_until_finish()
    except RuntimeError as error:
        if (ours := _error_of_ours(str(error))) is None:
            raise
        raise ours from error


def _error_of_ours(traceback: str) -> FeedwheelError | None:
    """The last error of `schemas.errors` that a traceback names."""
    raised = _RAISED.findall(traceback)
    if not raised:
        return None
    name, message = raised[-1]
    found: type[FeedwheelError] = getattr(errors, name)
    return found(message)
