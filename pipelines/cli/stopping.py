"""How a command that goes on and on is ended: by SIGINT or SIGTERM, at the next place where nothing is half done.

In: signals of this process. Out: an event that is set by the first of them, upon which the command comes to its end by
itself: exit 0 after SIGTERM, as those who send it expect; KeyboardInterrupt (exit 130) after SIGINT. A second one
ends it at once.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stop_requests() -> Iterator[threading.Event]:
    """Set instead of ended by signals, while the block runs."""
    requested, interrupted = threading.Event(), threading.Event()

    def request(number: int, _: FrameType | None) -> None:
        if requested.is_set():
            raise KeyboardInterrupt
        if number == signal.SIGINT:
            interrupted.set()
        requested.set()

    before = {number: signal.signal(number, request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield requested
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if interrupted.is_set():
        raise KeyboardInterrupt
