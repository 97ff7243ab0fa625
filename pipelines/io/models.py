"""Model directories on disk: built once, whole or not there, and named by the digest of their files.

In: a function that fills a directory. Out: the directory, and the `ModelRef` that control events carry. A process
killed while it builds leaves only a `.building` directory, which the next one removes.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from feedwheel_capture.events import ModelRef

from schemas.artifact import artifact_digest
from schemas.errors import InfrastructureError

_BUILDING: Final = ".building"
_LOCK: Final = ".lock"


def build_once(target: Path, build: Callable[[Path], None]) -> Path:
    """Give `target`, filled by `build` unless it is there; other processes that want it wait.

    1. lock, 2. remove what a killed build left, 3. build beside, 4. rename.
    """
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(target.name + _BUILDING)
    with target.with_name(target.name + _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # 1; the system releases it when the process ends, however it ends
        if target.is_dir():
            return target
        shutil.rmtree(unfinished, ignore_errors=True)  # 2
        unfinished.mkdir()
        build(unfinished)  # 3
        os.rename(unfinished, target)  # 4
    return target


def directory_digest(directory: Path) -> str:
    """Digest of a model artefact: of the path and content of every file below `directory`."""
    files = (path for path in directory.rglob("*") if path.is_file())
    return artifact_digest({path.relative_to(directory).as_posix(): file_digest(path) for path in files})


def file_digest(path: Path) -> str:
    """SHA-256 of one file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def model_ref(name: str, version: str, directory: Path) -> ModelRef:
    """The reference of a model artefact that lies in `directory`."""
    return ModelRef(name=name, version=version, uri=directory.absolute().as_uri(), digest=directory_digest(directory))


def local_path(model: ModelRef) -> Path:
    """The directory of a model artefact. Raises InfrastructureError if it is not there."""
    path = path_of(model.uri)
    if not path.is_dir():
        raise InfrastructureError(
            f"model {model.name} {model.version}: {path} is not there; bring it back or roll back to another version"
        )
    return path


def path_of(uri: str) -> Path:
    """The local path that a path or a file URL names."""
    return Path(unquote(urlsplit(uri).path)) if uri.startswith("file:") else Path(uri)
