"""The hash of the code that derives data: part of every manifest, so a replay can say whether code differs (I3)."""

import hashlib
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_DERIVING_PACKAGES = ("schemas", "feedback", "pipelines")
"""Serving is left out: no stored row is a function of its code."""


@cache
def code_hash() -> str:
    """SHA-256 over path and text of every Python file of the packages that derive data."""
    digest = hashlib.sha256()
    for package in _DERIVING_PACKAGES:
        for path in sorted((_ROOT / package).rglob("*.py")):
            digest.update(f"{path.relative_to(_ROOT)}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
