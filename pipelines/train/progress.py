"""Progress of a worker, told to whoever waits: JSON Lines in a file that both sides reach.

In: facts as the worker meets them. Out: the same facts at the waiting side, within a second; lines of an attempt that
was killed stay, and those of the next one follow.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

_POLL_S: Final = 0.5


class Progress(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One fact: what the data came to, or a step of so many with its loss."""

    examples: int | None = None
    too_long: int | None = None
    resumed_at: int | None = None
    step: int | None = None
    steps: int | None = None
    loss: float | None = None
    learning_rate: float | None = None


class ProgressFile:
    """The worker's end."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def tell(self, fact: Progress) -> None:
        """Append one fact."""
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(fact) + b"\n")


@contextmanager
def follow(path: Path, tell: Callable[[Progress], None]) -> Iterator[None]:
    """Tell every fact that is written to `path` from now on, the last ones before the context ends."""
    path.touch()
    with path.open("rb") as file:
        file.seek(0, 2)
        stop = threading.Event()

        def read() -> None:
            for line in file:
                tell(msgspec.json.decode(line, type=Progress))

        def watch() -> None:
            while not stop.wait(_POLL_S):
                read()

        watcher = threading.Thread(target=watch, name="feedwheel-progress", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            stop.set()
            watcher.join()
            read()


def seconds_left(started: float, first_step: int, fact: Progress) -> float | None:
    """Estimated seconds to the end, from the pace since `started` at `first_step`."""
    if fact.step is None or fact.steps is None or fact.step <= first_step:
        return None
    return (time.monotonic() - started) / (fact.step - first_step) * (fact.steps - fact.step)
