import pytest

from pipelines.stack.java import find_java
from schemas.errors import InfrastructureError


@pytest.fixture
def java_home(tmp_path):
    """Make a Java that says what it is told to: `java_home('openjdk version "17.0.1"')`."""

    def make(says, code=0):
        java = tmp_path / "jdk" / "bin" / "java"
        java.parent.mkdir(parents=True)
        java.write_text(f"#!/bin/sh\necho '{says}' >&2\nexit {code}\n")
        java.chmod(0o755)
        return java.parent.parent

    return make


@pytest.mark.parametrize(
    ("says", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('openjdk version "25" 2025-09-16', 25),
        ('java version "21-ea"', 21),
    ],
)
def test_versions_that_will_do(java_home, says, version):
    assert find_java(java_home(says)).version == version


@pytest.mark.parametrize("says", ['java version "1.8.0_402"', 'openjdk version "11.0.2"'])
def test_versions_that_are_too_old(java_home, says):
    with pytest.raises(InfrastructureError, match=r"needs Java 17, and .* is Java (8|11): install Java 17"):
        find_java(java_home(says))


def test_java_that_only_says_how_to_install_one(java_home):
    with pytest.raises(InfrastructureError, match="is not a working Java: install Java 17"):
        find_java(java_home("Unable to locate a Java Runtime", code=1))


def test_no_java_at_all(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InfrastructureError, match="there is none on the PATH: install Java 17"):
        find_java(None)


def test_java_home_without_java(tmp_path):
    with pytest.raises(InfrastructureError, match=r"none at .*: install Java 17 .* or set JAVA_HOME"):
        find_java(tmp_path)
