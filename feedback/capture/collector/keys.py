"""API keys: which application may send, and how much. Only hashes of keys are stored.

In: a file of keys, and what a request presents. Out: the application it speaks for. A key is 256 random bits, so a
plain hash of it is as good as a slow one; it is shown once, when it is made.
"""

import hashlib
import hmac
import os
import secrets
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from schemas.errors import ContractViolation, UsageError

_PREFIX: Final = "fwk"
DEFAULT_EVENTS_PER_S: Final = 20_000.0
"""Above what one collector takes, so that by default the machine is the limit."""


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """One key. `digest`: SHA-256 of its secret part."""

    id: str
    app: str
    digest: str
    created_at: datetime
    events_per_s: float = DEFAULT_EVENTS_PER_S
    revoked_at: datetime | None = None


def read_keys(path: Path) -> list[ApiKey]:
    """Every key of a file, revoked ones too; none if there is no file. Raises ContractViolation."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[ApiKey])
    except FileNotFoundError:
        return []
    except msgspec.DecodeError as error:
        raise ContractViolation(f"{path}: {error}: bring back a copy, or remove it and make new keys") from error


def create_key(path: Path, app: str, now: datetime, events_per_s: float = DEFAULT_EVENTS_PER_S) -> str:
    """Make a key for an application and store its hash; the key itself, which is nowhere else."""
    key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    key = ApiKey(id=key_id, app=app, digest=_digest(secret), created_at=now, events_per_s=events_per_s)
    _write(path, [*read_keys(path), key])
    return f"{_PREFIX}_{key_id}_{secret}"


def revoke_key(path: Path, key_id: str, now: datetime) -> None:
    """Let a key be valid no longer; collectors notice within a second. Raises UsageError if there is none."""
    keys = read_keys(path)
    if not any(key.id == key_id and key.revoked_at is None for key in keys):
        raise UsageError(f"no valid key {key_id!r}: see `feedwheel keys list`")
    _write(path, [msgspec.structs.replace(key, revoked_at=now) if key.id == key_id else key for key in keys])


def _write(path: Path, keys: list[ApiKey]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(keys)))
    new.replace(path)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


class KeyRing:
    """The keys of a file as they are now."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._keys: dict[str, ApiKey] = {}

    def refresh(self) -> None:
        """Read the file again if it changed. Raises ContractViolation."""
        try:
            found = self._path.stat()
            stamp: tuple[int, int] | None = (found.st_mtime_ns, found.st_ino)
        except FileNotFoundError:
            stamp = None
        if stamp != self._seen:
            self._keys = {key.id: key for key in read_keys(self._path) if key.revoked_at is None}
            self._seen = stamp

    def check(self, presented: str) -> ApiKey | None:
        """The key that a request presents; None if it is none of ours, or no longer."""
        prefix, _, rest = presented.partition("_")
        key_id, _, secret = rest.partition("_")
        key = self._keys.get(key_id)
        if key is None or prefix != _PREFIX or not hmac.compare_digest(_digest(secret), key.digest):
            return None
        return key
