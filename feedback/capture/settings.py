"""Deployment facts that every process of a deployment shares: where things are, and the keys of the hashes.

The environment is read here and nowhere else; secrets are masked in every rendering. `feedwheel up` writes the keys of
a machine of one's own to `<home>/secrets.env`; a deployment sets them in its environment.
"""

from getpass import getuser
from pathlib import Path
from typing import Annotated, Self

from feedwheel_capture.access import SECURITY_VARIABLES, KafkaAccess
from feedwheel_capture.errors import SettingsWrong
from feedwheel_capture.identity import Identity
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.config import Config, parse
from schemas.errors import ConfigError

LOCAL_HOST = "127.0.0.1"

PortNumber = Annotated[int, Field(ge=1, le=65_533)]
"""The two ports above it exist: some services listen on these too."""


class SharedSettings(BaseSettings):
    """Addresses and secrets. A service address left empty means the local stack's own."""

    model_config = SettingsConfigDict(env_prefix="FEEDWHEEL_", extra="ignore", frozen=True)

    home: Path = Path(".feedwheel")
    config_path: Path = Path("feedwheel.toml")

    # The names that these services' own tools use, hence without the prefix.
    kafka_bootstrap_servers: str | None = Field(None, validation_alias="kafka_bootstrap_servers")
    kafka_security_protocol: str | None = Field(None, validation_alias="kafka_security_protocol")
    kafka_sasl_mechanism: str | None = Field(None, validation_alias="kafka_sasl_mechanism")
    kafka_sasl_username: str | None = Field(None, validation_alias="kafka_sasl_username")
    kafka_sasl_password: SecretStr | None = Field(None, validation_alias="kafka_sasl_password")
    kafka_sasl_password_file: Path | None = Field(None, validation_alias="kafka_sasl_password_file")
    kafka_ssl_ca_file: Path | None = Field(None, validation_alias="kafka_ssl_ca_file")
    kafka_ssl_certificate_file: Path | None = Field(None, validation_alias="kafka_ssl_certificate_file")
    kafka_ssl_key_file: Path | None = Field(None, validation_alias="kafka_ssl_key_file")
    kafka_port: PortNumber = 29092
    serving_port: PortNumber = 28000
    collector_port: PortNumber = 28100

    user_key_layers: SecretStr = SecretStr("")
    """Comma-separated layers of the user key, oldest first."""
    split_key: SecretStr = SecretStr("")
    payload_key: SecretStr = SecretStr("")
    """Fernet key that encrypts rejected payloads at rest."""
    url_key: SecretStr = SecretStr("")
    """Signs the feedback links that browsers are given; applications that make such links have the same."""

    @classmethod
    def load(cls) -> Self:
        """Read environment, `.env` and the local stack's secrets, the former winning."""
        try:
            home = cls(_env_file=".env").home  # type: ignore[call-arg]  # pydantic-settings' own private argument
            return cls(_env_file=(home / "secrets.env", ".env"))  # type: ignore[call-arg]  # as above
        except OSError as error:
            raise ConfigError(f"{error.filename}: {error.strerror}: let {getuser()} read it") from None
        except ValidationError as error:
            problems = (f"{cls.variable(str(problem['loc'][0]))}: {problem['msg']}" for problem in error.errors())
            raise ConfigError(f"settings (environment or .env): {'; '.join(problems)}") from None

    @classmethod
    def variable(cls, name: str) -> str:
        """What the environment calls a setting."""
        field = cls.model_fields.get(name)
        return (str(field.validation_alias) if field and field.validation_alias else f"feedwheel_{name}").upper()

    @field_validator("*", mode="before")
    @classmethod
    def _empty_is_not_set(cls, value: object, of: ValidationInfo) -> object:
        """A file of variables has `NAME=` for what is not set."""
        return cls.model_fields[str(of.field_name)].get_default() if value == "" else value

    @property
    def serving_embedder(self) -> Path:
        """Where the embedder lies that serving offers, by the name it has there."""
        return self.home.absolute() / "models" / "embedders" / "all-minilm-l6-v2"

    @property
    def kafka(self) -> KafkaAccess:
        """The cluster in use, and how to speak to it. Raises ConfigError."""
        given = {name: _revealed(getattr(self, name.lower())) for name in SECURITY_VARIABLES}
        if self.kafka_bootstrap_servers is None:
            if secured := [name for name, value in given.items() if value]:
                raise ConfigError(
                    f"{secured[0]} is set, but KAFKA_BOOTSTRAP_SERVERS is not: the local stack's Kafka needs none of it"
                )
            return KafkaAccess(f"{LOCAL_HOST}:{self.kafka_port}")
        try:
            return KafkaAccess.of(self.kafka_bootstrap_servers, given)
        except SettingsWrong as error:
            raise ConfigError(f"settings (environment or .env): {error}") from None

    @property
    def key_layers(self) -> tuple[str, ...]:
        """Layers of the user key, oldest first; none where whoever looks is not trusted with them."""
        return tuple(filter(None, self.user_key_layers.get_secret_value().split(",")))

    @property
    def user_keys(self) -> tuple[str, ...]:
        """Layers of the user key, oldest first. Raises ConfigError if there is none."""
        layers = self.key_layers
        if not layers:
            raise ConfigError(
                "FEEDWHEEL_USER_KEY_LAYERS is empty: run `feedwheel up`, or set it to a secret of your own"
            )
        return layers

    @property
    def identity(self) -> Identity:
        """The hashes of people and threads. Raises ConfigError if a key is missing."""
        split_key = self.split_key.get_secret_value()
        if not split_key:
            raise ConfigError("FEEDWHEEL_SPLIT_KEY is empty: run `feedwheel up`, or set it to a secret of your own")
        return Identity(self.user_keys, split_key)

    def config(self) -> Config:
        """The product configuration. Raises ConfigError if the file is missing or wrong."""
        try:
            text = self.config_path.read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{self.config_path}: {error.strerror}: set FEEDWHEEL_CONFIG_PATH to the file") from None
        except UnicodeDecodeError:
            raise ConfigError(f"{self.config_path} is no text: set FEEDWHEEL_CONFIG_PATH to the file") from None
        return parse(text, str(self.config_path))


def _revealed(value: object) -> str | None:
    if value is None:
        return None
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
