"""Jars by a lock, from a repository of our own on this machine."""

import functools
import hashlib
import http.server
import threading
import tomllib

import pytest

from pipelines.stack import jars
from schemas.errors import ContractViolation, InfrastructureError

JARS = {"one": b"first jar" * 100, "two": b"second jar" * 100}


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def remote(tmp_path):
    """A repository with two jars, and its lock."""
    for name, content in JARS.items():
        path = tmp_path / "remote" / "org" / "example" / name / "1.0" / f"{name}-1.0.jar"
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    lines = [
        f'[[dependencies]]\ngroupId = "org.example"\nartifactId = "{name}"\nversion = "1.0"\npackaging = "jar"\n'
        f'sha256 = "{hashlib.sha256(content).hexdigest()}"\n'
        for name, content in JARS.items()
    ]
    (tmp_path / "lock.toml").write_text("\n".join(lines))
    return tmp_path / "remote"


@pytest.fixture
def server(remote, monkeypatch):
    """The repository over HTTP, in place of the public one."""
    http_server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Silent, directory=str(remote)))
    thread = threading.Thread(target=http_server.serve_forever, args=(0.01,))
    thread.start()
    use(monkeypatch, f"http://127.0.0.1:{http_server.server_port}")
    yield http_server
    http_server.shutdown()
    thread.join()
    http_server.server_close()


def use(monkeypatch, address):
    real = jars._maven

    def maven(cache):
        context = real(cache)
        context.remote_repos = {"test": address}
        return context

    monkeypatch.setattr(jars, "_maven", maven)


def cached(tmp_path, name):
    return tmp_path / "cache" / "org" / "example" / name / "1.0" / f"{name}-1.0.jar"


def classpath(tmp_path):
    return jars.classpath(tmp_path / "cache", tmp_path / "lock.toml")


def test_missing_jars_are_fetched_in_the_order_of_the_lock(server, tmp_path):
    assert classpath(tmp_path) == f"{cached(tmp_path, 'one')}:{cached(tmp_path, 'two')}"
    assert cached(tmp_path, "two").read_bytes() == JARS["two"]


def test_cached_jars_need_no_network(remote, tmp_path, monkeypatch):
    for name, content in JARS.items():
        cached(tmp_path, name).parent.mkdir(parents=True)
        cached(tmp_path, name).write_bytes(content)
    use(monkeypatch, "http://127.0.0.1:1")
    assert classpath(tmp_path).count(".jar") == 2


def test_rest_of_an_interrupted_download_is_fetched_again(server, tmp_path):
    classpath(tmp_path)
    cached(tmp_path, "one").write_bytes(JARS["one"][:50])
    classpath(tmp_path)
    assert cached(tmp_path, "one").read_bytes() == JARS["one"]


def test_jar_that_differs_from_the_lock_is_refused(server, remote, tmp_path):
    (remote / "org" / "example" / "two" / "1.0" / "two-1.0.jar").write_bytes(b"something else")
    with pytest.raises(ContractViolation, match=r"1 jars differ from .*org.example:two:1.0 checksum mismatch"):
        classpath(tmp_path)


def test_a_connection_that_breaks_off_is_made_again(server, tmp_path, monkeypatch):
    monkeypatch.setattr(jars, "_RETRY_PAUSES_S", (0.0, 0.0))
    do_get, broken = _Silent.do_GET, iter([True, True])
    monkeypatch.setattr(_Silent, "do_GET", lambda self: None if next(broken, False) else do_get(self))
    assert len(classpath(tmp_path).split(":")) == 2


def test_no_network_and_no_cache_says_what_to_do(remote, tmp_path, monkeypatch):
    monkeypatch.setattr(jars, "_RETRY_PAUSES_S", (0.0, 0.0))
    use(monkeypatch, "http://127.0.0.1:1")
    with pytest.raises(InfrastructureError, match="run this again; the first start needs a network, or"):
        classpath(tmp_path)


@pytest.mark.parametrize("lock", jars.COORDINATES, ids=lambda lock: lock.parent.name)
def test_committed_lock_has_every_checksum_and_no_address(lock):
    text = lock.read_text()
    locked = tomllib.loads(text)["dependencies"]
    assert all(len(jar["sha256"]) == 64 for jar in locked)
    assert {f"{jar['groupId']}:{jar['artifactId']}:{jar['version']}" for jar in locked} >= set(jars.COORDINATES[lock])
    assert "://" not in text
