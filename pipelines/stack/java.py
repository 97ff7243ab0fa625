"""The Java that runs Kafka: found by JAVA_HOME, else on the path, and new enough."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from schemas.errors import InfrastructureError

MINIMUM = 17
"""Kafka 4 needs it."""
_ADVICE = (
    f"install Java {MINIMUM} or newer (Debian and Ubuntu: `apt install openjdk-17-jre-headless`, macOS: "
    "`brew install openjdk`) or set JAVA_HOME to one"
)


@dataclass(frozen=True, slots=True)
class Java:
    """A Java that is new enough."""

    path: Path
    version: int


def find_java(java_home: Path | None) -> Java:
    """The Java to use. Raises InfrastructureError, saying how to install one, if there is none or it is too old."""
    path = java_home / "bin" / "java" if java_home else shutil.which("java")
    if path is None or not Path(path).exists():
        where = f"at {path}" if path else "on the PATH"
        raise InfrastructureError(f"Kafka needs Java, and there is none {where}: {_ADVICE}")
    version = _major_version(Path(path))
    if version < MINIMUM:
        raise InfrastructureError(f"Kafka needs Java {MINIMUM}, and {path} is Java {version}: {_ADVICE}")
    return Java(Path(path), version)


@cache
def _major_version(path: Path) -> int:
    try:
        answer = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InfrastructureError(f"{path} -version failed ({error}): {_ADVICE}") from None
    # `openjdk version "17.0.15"`, and up to Java 8 `java version "1.8.0_402"`
    found = re.search(r'version "(?:1\.)?(\d+)', answer.stderr + answer.stdout)
    if answer.returncode or not found:
        # macOS ships a `java` that only says how to install one.
        raise InfrastructureError(f"{path} is not a working Java: {_ADVICE}")
    return int(found.group(1))
