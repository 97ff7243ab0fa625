"""Capture client of Feedwheel: what an application needs to record generations and feedback, and nothing else.

In: answers and reactions of an application. Out: CloudEvents on disk, then in Kafka. Keeps I4 (nothing personal is
written before redaction and hashing) and I7 (recording costs the application one local write).
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from feedwheel_capture.asynchronous import AsyncCapture
    from feedwheel_capture.client import Answered, Capture, CaptureStats
    from feedwheel_capture.settings import CaptureSettings

__all__ = ["Answered", "AsyncCapture", "Capture", "CaptureSettings", "CaptureStats"]


def __getattr__(name: str) -> Any:
    """What an application uses, imported when it does: those who only read events need no Kafka client."""
    if name not in __all__:
        raise AttributeError(name)
    module = {"AsyncCapture": "asynchronous", "CaptureSettings": "settings"}.get(name, "client")
    return getattr(importlib.import_module(f"feedwheel_capture.{module}"), name)
