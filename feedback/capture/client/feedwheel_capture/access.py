"""Where a Kafka cluster is, and how a client proves to it who it is: the same for every client of a deployment.

In: variables of the environment. Out: one frozen record, checked, from which each Kafka library takes its options. A
password comes from a variable or from a file that a secret store writes, is read when a client connects, and is in no
text that this record is rendered to.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, get_args

from feedwheel_capture.errors import SettingsWrong

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]

PROTOCOL: Final = "KAFKA_SECURITY_PROTOCOL"
MECHANISM: Final = "KAFKA_SASL_MECHANISM"
USERNAME: Final = "KAFKA_SASL_USERNAME"
PASSWORD: Final = "KAFKA_SASL_PASSWORD"  # noqa: S105  # a variable's name
PASSWORD_FILE: Final = "KAFKA_SASL_PASSWORD_FILE"  # noqa: S105  # as above
CA_FILE: Final = "KAFKA_SSL_CA_FILE"
CERTIFICATE_FILE: Final = "KAFKA_SSL_CERTIFICATE_FILE"
KEY_FILE: Final = "KAFKA_SSL_KEY_FILE"
_SASL: Final = (MECHANISM, USERNAME, PASSWORD, PASSWORD_FILE)
_TLS: Final = (CA_FILE, CERTIFICATE_FILE, KEY_FILE)
SECURITY_VARIABLES: Final = (PROTOCOL, *_SASL, *_TLS)


def _shows_no_bytes(record: logging.LogRecord) -> bool:
    """Not what kafka-python says at DEBUG: it shows its options and what it sends, passwords and events among them."""
    return record.levelno > logging.DEBUG


for _name in ("kafka.protocol.parser", "kafka.net.connection", "kafka.producer.kafka", "kafka.admin.client"):
    logging.getLogger(_name).addFilter(_shows_no_bytes)


@dataclass(frozen=True, slots=True)
class KafkaAccess:
    """A cluster and how to speak to it. Its text is the addresses alone.

    `ca_file` signs the brokers' certificates (None: who the system trusts). `certificate_file` and `key_file` are PEM,
    the key without a passphrase, for brokers that know their clients by certificate.
    """

    bootstrap_servers: str
    security_protocol: SecurityProtocol = "PLAINTEXT"
    sasl_mechanism: SaslMechanism | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    password_file: Path | None = None
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None

    @classmethod
    def of(cls, bootstrap_servers: str, given: Mapping[str, str | None]) -> "KafkaAccess":
        """From variables; empty ones count as not given. Raises SettingsWrong, naming the variable."""
        there = {name: value for name in SECURITY_VARIABLES if (value := given.get(name))}
        protocol = there.get(PROTOCOL, "PLAINTEXT")
        _check_choice(PROTOCOL, protocol, get_args(SecurityProtocol))
        _check_belonging(there, protocol)
        return cls(
            bootstrap_servers,
            protocol,  # type: ignore[arg-type]  # checked above, as is the next
            there.get(MECHANISM),  # type: ignore[arg-type]
            there.get(USERNAME),
            there.get(PASSWORD),
            *(Path(there[name]) if name in there else None for name in (PASSWORD_FILE, *_TLS)),
        )

    def __str__(self) -> str:
        return self.bootstrap_servers

    @property
    def uses_sasl(self) -> bool:
        """Whether clients prove themselves by name and password."""
        return self.security_protocol.startswith("SASL_")

    @property
    def uses_tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.security_protocol.endswith("SSL")

    def secret(self) -> str | None:
        """The password as it is now. Raises SettingsWrong if its file cannot be read."""
        if self.password_file is None:
            return self.password
        try:
            return self.password_file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsWrong(f"{PASSWORD_FILE} names {self.password_file}: {_reason(error)}") from None

    def check_files(self) -> None:
        """Raise SettingsWrong for a file that cannot be read: the libraries' own errors name neither file nor cause."""
        for name, path in zip(_TLS, (self.ca_file, self.certificate_file, self.key_file), strict=True):
            if path is not None:
                try:
                    path.open("rb").close()
                except OSError as error:
                    raise SettingsWrong(f"{name} names {path}: {_reason(error)}") from None
        self.secret()

    def librdkafka(self) -> dict[str, str]:
        """Options of every client of confluent-kafka. Raises SettingsWrong."""
        self.check_files()
        options = {
            "bootstrap.servers": self.bootstrap_servers,
            "security.protocol": self.security_protocol,
            "sasl.mechanism": self.sasl_mechanism,
            "sasl.username": self.username,
            "sasl.password": self.secret(),
            "ssl.ca.location": self.ca_file,
            "ssl.certificate.location": self.certificate_file,
            "ssl.key.location": self.key_file,
        }
        return {name: str(value) for name, value in options.items() if value is not None}

    def kafka_python(self) -> dict[str, Any]:
        """Options of every client of kafka-python. Raises SettingsWrong."""
        self.check_files()
        options: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap_servers,
            "security_protocol": self.security_protocol,
        }
        if self.uses_sasl:
            options |= {
                "sasl_mechanism": self.sasl_mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.secret(),
            }
        if self.uses_tls:
            files = {
                "ssl_cafile": self.ca_file,
                "ssl_certfile": self.certificate_file,
                "ssl_keyfile": self.key_file,
            }
            options |= {name: str(path) for name, path in files.items() if path is not None}
        return options


def _check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise SettingsWrong(f"{name} is {value!r}: it can be {', '.join(allowed)}")


def _check_belonging(given: Mapping[str, str], protocol: str) -> None:
    """What is given must be used, and what is used must be given: a slip must not send in the clear what is secret."""
    uses = {name for names, used in ((_SASL, "SASL_" in protocol), (_TLS, "SSL" in protocol)) if used for name in names}
    if idle := [name for name in (*_SASL, *_TLS) if name in given and name not in uses]:
        raise SettingsWrong(
            f"{idle[0]} is set, but {PROTOCOL} is {protocol}, which does not use it: correct one of them"
        )
    if MECHANISM in uses:
        _check_choice(MECHANISM, given.get(MECHANISM, ""), get_args(SaslMechanism))
        if USERNAME not in given or (PASSWORD in given) == (PASSWORD_FILE in given):
            raise SettingsWrong(f"{PROTOCOL} is {protocol}: set {USERNAME}, and either {PASSWORD} or {PASSWORD_FILE}")
    if (CERTIFICATE_FILE in given) != (KEY_FILE in given):
        raise SettingsWrong(f"set both {CERTIFICATE_FILE} and {KEY_FILE}, or neither")


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or "it is no text"
