"""Drains that are killed: `python -m tests.draining`, one drain in a process of its own for each line of its input.

Imports take seconds, a drain a moment: so this process imports everything once and forks for every line, which says
`RANGE_OFFSETS ROUND_RANGES [POINT]`. It answers with `pid N`, and with `status N` when that process has ended.
"""

import os
import sys
from contextlib import suppress

from pipelines import ingest
from pipelines.context import Context
from pipelines.ingest import Pace
from schemas.errors import NothingToDo


def drain(range_offsets: str, round_ranges: str, point: str = "") -> None:
    """One drain, as `feedwheel ingest` does it; it dies at a point, if one is named."""
    os.environ["FEEDWHEEL_KILL_AT"] = point
    with suppress(NothingToDo):
        ingest.run(Context.load(), pace=Pace(int(range_offsets), int(round_ranges), threads=2))


def main() -> None:
    """Serve lines until there are no more."""
    import pipelines.ingest.pipeline  # noqa: F401  # what the first drain would import

    print("ready", flush=True)
    for line in sys.stdin:
        if not (pid := os.fork()):
            status = 1
            try:
                drain(*line.split())
                status = 0
            finally:
                sys.stderr.flush()
                os._exit(status)
        print(f"pid {pid}", flush=True)
        _, status = os.waitpid(pid, 0)
        print(f"status {os.waitstatus_to_exitcode(status)}", flush=True)


if __name__ == "__main__":
    main()
