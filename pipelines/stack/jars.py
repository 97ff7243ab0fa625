"""The jars of a Java program, as its committed lock names them: of the local Kafka, and of the tests' Flink.

In: a jgo lock file (coordinates and SHA-256, no address). Out: the class path. No jar is used whose checksum differs
from the lock's, and nothing is fetched when all are cached. `python -m pipelines.stack.jars kafka` (or `flink`) locks
anew.
"""

import fcntl
import logging
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pipelines.stack.paths import INFRA
from schemas.errors import ContractViolation, InfrastructureError

LOCK = INFRA / "kafka" / "jars.lock.toml"
FLINK_LOCK = INFRA / "flink" / "jars.lock.toml"
COORDINATES = {
    LOCK: (
        "org.apache.kafka:kafka_2.13:4.3.1",
        "org.slf4j:slf4j-simple:1.7.36",  # without a binding Kafka logs nothing, not even why it does not start
    ),
    FLINK_LOCK: (
        "org.apache.beam:beam-runners-flink-1.19:2.62.0",  # the newest job server that is an ordinary artifact
        "org.slf4j:slf4j-simple:1.7.30",
    ),
}
_DOWNLOADS_AT_ONCE = 8
"""Jars are small and latency counts: all 46 took 3.4 s so, 4.7 s one after the other."""
_HTTP_TIMEOUT_S = 60
_RETRY_PAUSES_S = (1.0, 3.0)
"""Before each further attempt at one jar: where there is no network, the first start says so after four seconds."""


def classpath(cache: Path, lock: Path = LOCK) -> str:
    """Class path of every locked jar, downloaded into `cache` if missing.

    Raises InfrastructureError if a jar cannot be fetched, ContractViolation if what was fetched is not what was locked.
    """
    from jgo.env import LockFile

    locked = LockFile.load(lock)
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)  # two processes must not write the same jar
        jars = _fetch(locked, cache)
        if locked.verify_checksums(cache):
            _discard_broken(locked, cache)
            jars = _fetch(locked, cache)
        if differences := locked.verify_checksums(cache):
            raise ContractViolation(
                f"{len(differences)} jars differ from {lock}: {differences[0]}; "
                "the repository they came from serves other files: use one you trust"
            )
    return ":".join(map(str, jars))


def _fetch(locked: Any, cache: Path) -> list[Path]:
    context = _maven(cache)
    artifacts = [
        context.project(jar.groupId, jar.artifactId)
        .at_version(jar.version)
        .artifact(jar.classifier or "", jar.packaging)
        for jar in locked.dependencies
    ]
    logging.getLogger("jgo").setLevel(logging.ERROR)
    try:
        with ThreadPoolExecutor(_DOWNLOADS_AT_ONCE) as pool:
            return list(pool.map(_resolved, artifacts))
    except (OSError, RuntimeError) as error:  # requests' errors are OSErrors
        raise InfrastructureError(
            f"cannot download jars into {cache}: {error}: run this again; the first start needs a network, "
            "or a filled jar cache there"
        ) from error


def _resolved(artifact: Any) -> Path:
    """The file of a jar, downloaded if need be. Of so many connections one may break off."""
    for pause_s in _RETRY_PAUSES_S:
        try:
            return Path(artifact.resolve())
        except (OSError, RuntimeError):
            time.sleep(pause_s)
    return Path(artifact.resolve())


def _discard_broken(locked: Any, cache: Path) -> None:
    """Delete jars whose checksum differs, such as the rest of an interrupted download."""
    context = _maven(cache)
    for jar in locked.dependencies:
        single = type(locked)(dependencies=[jar])
        if single.verify_checksums(cache):
            artifact = context.project(jar.groupId, jar.artifactId).at_version(jar.version)
            artifact.artifact(jar.classifier or "", jar.packaging).cached_path.unlink(missing_ok=True)


def _maven(cache: Path) -> Any:
    from jgo.maven import MavenContext, PythonResolver

    return MavenContext(resolver=PythonResolver(), repo_cache=cache.absolute(), timeout=_HTTP_TIMEOUT_S)


def write_lock(cache: Path, lock: Path, coordinates: Sequence[str]) -> None:
    """Resolve `coordinates` and what they need, and write the lock with the checksum of every jar."""
    from jgo.env import LockFile
    from jgo.parse import Coordinate

    context = _maven(cache)
    wanted = [context.create_dependency(Coordinate.parse(text)) for text in coordinates]
    direct, transitive = context.resolver.resolve(wanted)
    LockFile.from_resolved_dependencies(direct + transitive).save(lock)


if __name__ == "__main__":
    from pipelines.settings import Settings

    for path, wanted in COORDINATES.items():
        if path.parent.name in sys.argv[1:]:
            write_lock(Settings.load().home / "jars", path, wanted)
