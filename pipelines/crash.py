"""Test only: end the process by SIGKILL at a named point, as a crash there would.

`FEEDWHEEL_KILL_AT=file_written:3` kills when `file_written` is reached for the third time; without a number, the first.
Nothing happens where the variable is not set, and no command sets it.
"""

import os
import signal
import threading
from collections import Counter
from typing import Final, Literal

CrashPoint = Literal[
    "read",
    "file_written",
    "before_commit",
    "during_commit",
    "after_commit",
    "publish",
    "leased",
    "compacted",
    "before_replace",
    "during_replace",
    "after_replace",
    "vacuumed",
]

_VARIABLE: Final = "FEEDWHEEL_KILL_AT"
_INTO_THE_COMMIT_S: Final = 0.0005
"""A local commit releases the interpreter's lock. Measured: after 0.3 ms, 12 of 12 kills fell inside it, 9 before and 3
after the log entry appeared; after 0.7 ms, 1 and 11; after 2 ms, most fell behind it."""
_reached: Counter[str] = Counter()


def reach(point: CrashPoint) -> None:
    """Die here if the environment says so."""
    wanted, _, times = os.environ.get(_VARIABLE, "").partition(":")
    if wanted != point:
        return
    _reached[point] += 1
    if _reached[point] == int(times or 1):
        if point.startswith("during_"):
            threading.Timer(_INTO_THE_COMMIT_S, _die).start()
        else:
            _die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
