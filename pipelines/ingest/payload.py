"""Rejected payloads at rest: encrypted, and readable only with the deployment's key (I4).

In: the bytes of a Kafka value that was not accepted. Out: a Fernet token (AES-128-CBC with HMAC-SHA-256), or the bytes.
"""

from cryptography.fernet import Fernet, InvalidToken
from pydantic import SecretStr

from schemas.errors import ConfigError


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

    def encrypt(self, payload: bytes) -> bytes:
        """The token that may rest."""
        return self._fernet.encrypt(payload)

    def decrypt(self, token: bytes) -> bytes:
        """The original bytes. Raises ConfigError if another key encrypted them."""
        try:
            return self._fernet.decrypt(token)
        except InvalidToken:
            raise ConfigError(
                "FEEDWHEEL_PAYLOAD_KEY does not decrypt this payload: set the key it was stored with"
            ) from None
