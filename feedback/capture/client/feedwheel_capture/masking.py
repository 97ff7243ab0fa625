"""Reversible masking: in place of a find its encryption, so that whoever has the key can read it again.

In: type and text of a find. Out: `[EMAIL~TOKEN]`; the same find gives the same token, so that a text still says who is
who. AES-SIV (RFC 5297), deterministic and authenticated, with the type as associated data. Needs the extra `masking`.
"""

import base64
import re
from typing import Final

_MASKED: Final = re.compile(r"\[(?P<type>[A-Z_]{2,20})~(?P<token>[\w-]{22,2000})\]")


class ReversibleMask:
    """A mask for `Redactor`. `key`: 32, 48 or 64 bytes, in URL-safe base64. Raises ValueError if it is not."""

    def __init__(self, key: str) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV

        self._cipher = AESSIV(base64.urlsafe_b64decode(key))

    def __call__(self, pii_type: str, found: str) -> str:
        """What stands in place of a find."""
        token = base64.urlsafe_b64encode(self._cipher.encrypt(found.encode(), [pii_type.encode()]))
        return f"[{pii_type}~{token.decode().rstrip('=')}]"

    def unmask(self, text: str) -> str:
        """The text with every mask of this key replaced by what it stands for; other brackets stay as they are."""
        return _MASKED.sub(self._unmasked, text)

    def _unmasked(self, match: re.Match[str]) -> str:
        from cryptography.exceptions import InvalidTag

        token = match["token"]
        try:
            sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
            return self._cipher.decrypt(sealed, [match["type"].encode()]).decode()
        except (InvalidTag, ValueError):
            return match[0]
