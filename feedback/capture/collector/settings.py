"""Deployment facts of one collector process, read once from the environment."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode

from feedback.capture.settings import LOCAL_HOST, SharedSettings
from schemas.errors import ConfigError


def _separated(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


class CollectorSettings(SharedSettings):
    """Shared settings and what only the collector uses."""

    collector_host: str = LOCAL_HOST
    collector_workers: int = Field(1, ge=1, le=64)
    """Processes, each with a spool of its own. One takes some 5,000 events/s."""
    collector_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_separated)] = ()
    """Web origins, comma-separated, whose pages may send feedback, or `*`; their links are signed in any case."""
    collector_spool_bytes: int = Field(1024 * 1024 * 1024, ge=1024)
    """Of each process: an hour without Kafka at 400 events/s of 700 bytes."""
    collector_example: str = ""
    """Application whose example page this collector serves; none by default, since whoever loads it may write."""

    @property
    def collector_home(self) -> Path:
        """API keys and spools."""
        return self.home.absolute() / "collector"

    @property
    def keys_file(self) -> Path:
        """The hashes of API keys."""
        return self.collector_home / "keys.json"

    def check(self) -> None:
        """Raise ConfigError or UsageError for what no collector could start with."""
        config = self.config()
        if self.collector_example:
            config.app(self.collector_example)
        _ = self.identity

    @property
    def signing_key(self) -> str:
        """The key of feedback links. Raises ConfigError if there is none."""
        key = self.url_key.get_secret_value()
        if not key:
            raise ConfigError("FEEDWHEEL_URL_KEY is empty: run `feedwheel up`, or set it to a secret of your own")
        return key
