"""Rejected records at rest: encrypted, and readable only with the deployment's key (I4).

In: the value of a Kafka record that was not accepted, and its headers. Out: a Fernet token (AES-128-CBC with
HMAC-SHA-256), or what it holds. A value without headers rests as it is; with headers, both rest in one token, so that
they go together, and a replay sends what was sent.
"""

from dataclasses import dataclass
from typing import Final

import msgspec
from cryptography.fernet import Fernet, InvalidToken
from pydantic import SecretStr

from schemas.cloudevents import Headers
from schemas.errors import ConfigError

_SEALED: Final = b"feedwheel-sealed-record/1\n"
"""Begins a token's content that holds headers too. A value that begins so is sealed as well, so none is mistaken."""


@dataclass(frozen=True, slots=True)
class Payload:
    """What a producer sent, apart from its key."""

    value: bytes
    headers: Headers = ()


class PayloadCipher:
    """Encrypts and decrypts with `FEEDWHEEL_PAYLOAD_KEY`. Raises ConfigError if that is not a Fernet key."""

    def __init__(self, key: SecretStr) -> None:
        try:
            self._fernet = Fernet(key.get_secret_value())
        except ValueError:
            raise ConfigError(
                "FEEDWHEEL_PAYLOAD_KEY is not a Fernet key (32 bytes in URL-safe base64): run `feedwheel up`, or make "
                "one with cryptography.fernet.Fernet.generate_key()"
            ) from None

    def encrypt(self, payload: Payload) -> bytes:
        """The token that may rest."""
        content = payload.value
        if payload.headers or content.startswith(_SEALED):
            content = _SEALED + msgspec.msgpack.encode(payload)
        return self._fernet.encrypt(content)

    def decrypt(self, token: bytes) -> Payload:
        """What was sent. Raises ConfigError if another key encrypted it."""
        try:
            content = self._fernet.decrypt(token)
        except InvalidToken:
            raise ConfigError(
                "FEEDWHEEL_PAYLOAD_KEY does not decrypt this payload: set the key it was stored with"
            ) from None
        if content.startswith(_SEALED):
            return msgspec.msgpack.decode(content[len(_SEALED) :], type=Payload)
        return Payload(content)
