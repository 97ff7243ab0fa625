"""Identifiers: UUIDv7 for what we mint, keyed hashes for people and threads."""

import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime

SPLIT_BUCKETS = 10_000
"""Resolution of split shares: one bucket is 0.01 % of the people."""

_HASH_CHARS = 32
"""128 bits in hexadecimal: collisions are out of reach for any number of people or threads."""


def uuid7(now: datetime) -> str:
    """Mint a UUIDv7 (RFC 9562, section 5.7): milliseconds of `now`, then 74 random bits."""
    milliseconds = int(now.timestamp() * 1000) & (1 << 48) - 1
    random = secrets.randbits(74)
    number = milliseconds << 80 | 0x7 << 76 | random >> 62 << 64 | 0b10 << 62 | random & (1 << 62) - 1
    digits = f"{number:032x}"  # not uuid.UUID, which takes as long as all the rest
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _keyed(key: str, text: str) -> str:
    return hmac.digest(key.encode(), text.encode(), "sha256").hex()


def user_key(layers: Sequence[str], app: str, raw_id: str) -> str:
    """Hash a person's id under every key layer in turn; the raw id never leaves the process.

    A rotation appends a layer, so an older key is lifted by applying only the missing ones (`lift_user_key`).
    """
    return lift_user_key(layers, 0, f"{app}/{raw_id}")


def lift_user_key(layers: Sequence[str], layers_applied: int, key: str) -> str:
    """Apply the layers after the first `layers_applied` to a key made under those."""
    for layer in layers[layers_applied:]:
        key = _keyed(layer, key)[:_HASH_CHARS]
    return key


def split_bucket(split_key: str, app: str, raw_id: str) -> int:
    """Bucket 0..9999 of a person (or of a conversation if anonymous). The key never rotates, so it never moves."""
    return int(_keyed(split_key, f"{app}/{raw_id}")[:16], 16) % SPLIT_BUCKETS


def thread_hash(key: str, parent: str, messages: Sequence[tuple[str, str]]) -> str:
    """Extend the hash of a message thread by (role, content) pairs; the hash of an empty thread is ''."""
    digest = parent
    for role, content in messages:
        digest = _keyed(key, f"{digest}\n{role}\n{content}")[:_HASH_CHARS]
    return digest
