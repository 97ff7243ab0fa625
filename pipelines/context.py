"""What every stage is given: settings, the product configuration, the lake, and a clock."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from pipelines.io.lake import Lake
from pipelines.settings import Settings
from schemas.config import Config

Clock = Callable[[], datetime]
"""Gives the present as a UTC-aware datetime; tests give their own."""


def system_clock() -> datetime:
    """The present, UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Context:
    """One process's view of its deployment."""

    settings: Settings
    config: Config
    lake: Lake
    clock: Clock = system_clock

    @classmethod
    def load(cls) -> "Context":
        """From the environment. Raises ConfigError."""
        return cls.of(Settings.load())

    @classmethod
    def of(cls, settings: Settings) -> "Context":
        """From settings. Raises ConfigError."""
        return cls(settings, settings.config(), Lake(settings.lake_url))
