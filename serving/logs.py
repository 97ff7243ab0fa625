"""Structured logs: one JSON object per line on stderr. What people wrote is in no message and no field."""

import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Final

import msgspec

_OWN_FIELDS: Final = ("app", "model", "version", "providers", "release", "state", "share")


class JsonFormatter(logging.Formatter):
    """Time, level, logger, message, and the fields that our own records carry.

    Of an exception the class and the place are logged, not its text, which may quote what somebody wrote.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{name: getattr(record, name) for name in _OWN_FIELDS if hasattr(record, name)},
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            line["trace"] = "".join(traceback.format_tb(record.exc_info[2]))
        return msgspec.json.encode(line, enc_hook=str).decode()


def configure() -> None:
    """Let everything be logged so; libraries only where something is wrong."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in ("serving", "feedwheel_capture", "uvicorn.error"):
        logging.getLogger(name).setLevel(logging.INFO)
    # kafka-python warns of every attempt to reconnect; our own followers say it once.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
