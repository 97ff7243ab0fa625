"""What libraries would tell their makers of this machine and its use, and that they must not."""

import os
from typing import Final

REPORTING_OFF: Final = {
    "DO_NOT_TRACK": "true",
    "GX_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "ORT_DISABLE_TELEMETRY": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "SCARF_ANALYTICS": "false",
}
"""Environment variables, one or more of each library that reports."""


def report_nothing() -> None:
    """Turn reporting off in this process, before any of those libraries is imported; who set it himself keeps it."""
    for name, value in REPORTING_OFF.items():
        os.environ.setdefault(name, value)
