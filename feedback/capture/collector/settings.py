"""Deployment facts of one collector process, read once from the environment."""

from pathlib import Path

from pydantic import Field, SecretStr

from feedback.capture.settings import LOCAL_HOST, PortNumber, SharedSettings
from schemas.errors import ConfigError


class CollectorSettings(SharedSettings):
    """Shared settings and what only the collector uses."""

    collector_host: str = LOCAL_HOST
    collector_port: PortNumber = 28100
    collector_origins: tuple[str, ...] = ()
    """Web origins whose pages may send feedback, or `*`; their links are signed in any case."""
    collector_spool_bytes: int = Field(1024 * 1024 * 1024, ge=1024)
    """Of each process: an hour without Kafka at 400 events/s of 700 bytes."""

    url_key: SecretStr = SecretStr("")
    """Signs the feedback links that browsers are given; applications that make such links have the same."""

    @property
    def collector_home(self) -> Path:
        """API keys and spools."""
        return self.home.absolute() / "collector"

    @property
    def keys_file(self) -> Path:
        """The hashes of API keys."""
        return self.collector_home / "keys.json"

    @property
    def signing_key(self) -> str:
        """The key of feedback links. Raises ConfigError if there is none."""
        key = self.url_key.get_secret_value()
        if not key:
            raise ConfigError("FEEDWHEEL_URL_KEY is empty: run `feedwheel up`, or set it to a secret of your own")
        return key
