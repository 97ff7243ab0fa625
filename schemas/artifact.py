"""The digest of a model artefact: what a proposal promises and what serving checks before it loads the files."""

import hashlib
from collections.abc import Mapping


def artifact_digest(files: Mapping[str, str]) -> str:
    """SHA-256 over the sorted lines `<relative posix path> <hex SHA-256 of the file>`."""
    lines = "".join(f"{path} {digest}\n" for path, digest in sorted(files.items()))
    return hashlib.sha256(lines.encode()).hexdigest()
