"""Collectors for tests: what they store stays in their spool, since their Kafka is down."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from feedback.capture.collector.keys import create_key
from feedback.capture.collector.service import Collector
from feedback.capture.collector.settings import CollectorSettings
from tests.conftest import REPOSITORY, TEST_SECRETS
from tests.events import APP
from tests.ports import free_port

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


def make_key(home: Path, **limits: float) -> str:
    """An API key of the application that is in use here."""
    return create_key(home / "collector" / "keys.json", APP, NOW, **limits)


def open_collector(home: Path, **replaced: Any) -> Collector:
    """One whose clock stands still."""
    given = {"kafka_port": free_port(), **TEST_SECRETS, **replaced}
    return Collector.open(CollectorSettings(home=home, config_path=REPOSITORY / "feedwheel.toml", **given), lambda: NOW)


def stored(collector: Collector) -> list[dict[str, Any]]:
    """Every event that is on its disk."""
    records, _ = collector.spool.read(collector.spool.acknowledged, 10_000)
    return [msgspec.json.decode(record.value) for record in records]
