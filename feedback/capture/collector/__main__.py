"""`python -m feedback.capture.collector`: one process, or several on one port."""

import os
import shutil
import signal
import sys

import uvicorn
from fastapi import FastAPI
from feedwheel_capture.client import system_clock
from feedwheel_capture.errors import CaptureError

from feedback.capture.collector.app import create_app
from feedback.capture.collector.metrics import SHARED_FOLDER
from feedback.capture.collector.service import Collector
from feedback.capture.collector.settings import CollectorSettings
from schemas.errors import FeedwheelError


def main() -> int:
    """Collect until told to stop; the exit code."""
    try:
        settings = CollectorSettings.load()
        settings.check()
        if settings.collector_workers > 1:
            _share_metrics(settings)
        for number in (signal.SIGINT, signal.SIGTERM):
            # uvicorn stops in an orderly way and then raises the signal again; the stop was the answer to it.
            signal.signal(number, lambda *_: None)
        uvicorn.run(
            f"{__package__}.__main__:application",
            factory=True,
            host=settings.collector_host,
            port=settings.collector_port,
            workers=settings.collector_workers,
            access_log=False,
            log_level="warning",
        )
    except (FeedwheelError, CaptureError) as error:
        print(error, file=sys.stderr)
        return error.exit_code if isinstance(error, FeedwheelError) else 1
    return 0


def application() -> FastAPI:
    """The application of one process. Raises ConfigError, SpoolCorrupt."""
    return create_app(Collector.open(CollectorSettings.load(), system_clock))


def _share_metrics(settings: CollectorSettings) -> None:
    """Let the processes count in files, so that any of them can tell the sum."""
    folder = settings.collector_home / "metrics"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ[SHARED_FOLDER] = str(folder)


if __name__ == "__main__":
    sys.exit(main())
