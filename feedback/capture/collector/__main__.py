"""`python -m feedback.capture.collector`: one or several processes on one port."""

import signal
import sys

import uvicorn
from feedwheel_capture.client import system_clock
from feedwheel_capture.errors import CaptureError

from feedback.capture.collector.app import create_app
from feedback.capture.collector.service import Collector
from feedback.capture.collector.settings import CollectorSettings
from schemas.errors import FeedwheelError


def main() -> int:
    """Collect until told to stop; the exit code."""
    try:
        settings = CollectorSettings.load()
        collector = Collector.open(settings, system_clock)
    except (FeedwheelError, CaptureError) as error:
        print(error, file=sys.stderr)
        return error.exit_code if isinstance(error, FeedwheelError) else 1
    for number in (signal.SIGINT, signal.SIGTERM):
        # uvicorn stops in an orderly way and then raises the signal again; the stop was the answer to it.
        signal.signal(number, lambda *_: None)
    config = uvicorn.Config(
        create_app(collector),
        host=settings.collector_host,
        port=settings.collector_port,
        access_log=False,
        log_level="warning",
    )
    uvicorn.Server(config).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
