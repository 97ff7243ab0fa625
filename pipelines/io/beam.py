"""Beam pipelines: bounded ones on the embedded runner, unbounded ones on a cluster.

In: a pipeline's steps. Out: their effects; of a bounded one when the block ends. An error of ours that a step raised
arrives as itself, with the step's name in its message.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import apache_beam as beam
import grpc
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineState

from schemas.errors import ConfigError, ContractViolation, InfrastructureError

_RUNNER: Final = "FnApiRunner"
"""By name: `DirectRunner` first tries to download another runner."""


@contextmanager
def embedded_pipeline(threads: int = 1) -> Iterator[beam.Pipeline]:
    """A pipeline that runs to its end when the block is left, in so many threads of this process."""
    # A list, if an empty one: without it, options are read from the command line of whatever process this is.
    options = [] if threads == 1 else [f"--direct_num_workers={threads}", "--direct_running_mode=multi_threading"]
    with _errors_of_threads(), beam.Pipeline(_RUNNER, options=PipelineOptions(options)) as pipeline:
        yield pipeline


@contextmanager
def _errors_of_threads() -> Iterator[None]:
    """Workers in threads hand on an error as the text of its traceback: make it what it was."""
    try:
        yield
    except RuntimeError as error:
        if not (raised := _RAISED.findall(str(error))):
            raise
        name, message = raised[-1]
        raise _OURS[name](message) from error


_OURS: Final = {kind.__name__: kind for kind in (InfrastructureError, ContractViolation, ConfigError)}
"""What steps raise on purpose."""
_RAISED: Final = re.compile(rf"^schemas\.errors\.({'|'.join(_OURS)}): (.*)$", re.MULTILINE)


def run_unbounded(
    build: Callable[[beam.Pipeline], Any], options: Sequence[str], wait: Callable[[], bool], where: str
) -> None:
    """Submit the pipeline that `build` makes and watch it until `wait` returns True, then cancel it.

    `wait` pauses a moment and says whether to stop. Raises InfrastructureError, naming `where`, if the job ends by
    itself or nobody can be asked about it any more.
    """
    pipeline = beam.Pipeline(options=PipelineOptions(list(options)))
    build(pipeline)
    with _runner_errors(where):
        result = pipeline.run()
    try:
        while not wait():
            with _runner_errors(where):
                if PipelineState.is_terminal(result.state):
                    result.wait_until_finish()  # raises, with the job's own last error
                    raise RuntimeError(f"the job ended: {result.state}")
    finally:
        # What it was at is not committed, and hence not done; a job server that is gone has nothing to cancel.
        _cancel(result)


@contextmanager
def _runner_errors(where: str) -> Iterator[None]:
    try:
        yield
    except grpc.RpcError as error:
        reason = error.code().name if isinstance(error, grpc.Call) else type(error).__name__
        raise InfrastructureError(f"{where} does not answer ({reason}): start it, then run ingest again") from error
    except (RuntimeError, grpc.FutureTimeoutError) as error:
        raise InfrastructureError(
            f"{where}: {str(error)[:_MESSAGE] or type(error).__name__}: nothing is lost; run ingest again"
        ) from error


_MESSAGE: Final = 500
"""Characters of a runner's message: the rest is its stack."""


def _cancel(result: Any) -> None:
    try:
        if not PipelineState.is_terminal(result.state):
            result.cancel()
    except (grpc.RpcError, RuntimeError):
        pass
