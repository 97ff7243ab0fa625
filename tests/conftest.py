"""What tests of every kind share: a real broker, contexts over temporary homes, a clock, and isolation."""

import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from feedwheel_capture.access import KafkaAccess
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from pipelines.context import Context
from pipelines.io.lake import Lake
from pipelines.settings import Settings
from pipelines.stack.kafka import kafka_service
from pipelines.stack.paths import REPOSITORY
from pipelines.stack.process import Background
from pipelines.stack.service import bring_up
from tests.ports import free_port
from tests.topics import create_topic

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# The main module of a worker has no file: pyspark takes the process for a run of its doctests, and ends it.
if not hasattr(main := sys.modules["__main__"], "__file__"):
    main.__file__ = str(Path(pytest.__file__).with_name("__main__.py"))

JAR_CACHE = REPOSITORY / ".feedwheel" / "jars"
"""The only thing that tests share with a developer's own stack: jars are checked against the lock at every use."""

# Derandomised, a failure in CI is the same failure here; deadlines measure the machine, not the code.
hypothesis_settings.register_profile(
    "ci", derandomize=True, max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.register_profile("dev", max_examples=50, deadline=None)
hypothesis_settings.register_profile("thorough", max_examples=2000, deadline=None)
hypothesis_settings.load_profile("ci" if os.environ.get("CI") else "dev")

TEST_SECRETS: dict[str, Any] = {
    "user_key_layers": "test-user-key-1",
    "split_key": "test-split-key",
    "payload_key": "dGVzdC1vbmx5LWZlcm5ldC1rZXktMzItYnl0ZXMhISE=",
    "url_key": "url-key",
}


@pytest.fixture(scope="session", autouse=True)
def _no_outside_settings() -> Iterator[None]:
    """No test sees the addresses and secrets of whoever runs it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            # Where Java is stays a fact of the machine.
            if name.startswith("FEEDWHEEL_") or (name.lower() in Settings.model_fields and name != "JAVA_HOME"):
                patch.delenv(name)
        patch.setenv("FEEDWHEEL_CONFIG_PATH", str(REPOSITORY / "feedwheel.toml"))
        yield


@pytest.fixture(autouse=True)
def _no_outside_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path, such as `.env` or `.feedwheel`, is below the test's own directory."""
    monkeypatch.chdir(tmp_path)


@dataclass(frozen=True, slots=True)
class Broker:
    """A real Kafka broker of the tests' own; port and data stay over stop, kill and start."""

    settings: Settings

    @property
    def access(self) -> KafkaAccess:
        return self.settings.kafka

    @property
    def bootstrap(self) -> str:
        """Its address, for clients that are not ours."""
        return str(self.access)

    @property
    def _process(self) -> Background:
        return Background(self.settings.home, "kafka")

    def start(self) -> None:
        """Return when clients get metadata and every topic of the catalogue exists."""
        bring_up(kafka_service(self.settings), self.settings.home, threading.Event())

    def stop(self) -> None:
        self._process.stop()

    def kill(self) -> None:
        """As a crash would: SIGKILL, nothing flushed."""
        self._process.kill()

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Connections stay, nothing is answered: the machine hangs, or the network drops what is sent."""
        process = self._process.process()
        assert process
        process.suspend()
        try:
            yield
        finally:
            process.resume()


def link_jars(home: Path) -> None:
    """Let a stack at `home` use the shared jar cache."""
    JAR_CACHE.mkdir(parents=True, exist_ok=True)
    home.mkdir(parents=True, exist_ok=True)
    (home / "jars").symlink_to(JAR_CACHE)


def _broker(home: Path) -> Iterator[Broker]:
    link_jars(home)
    broker = Broker(Settings(home=home, kafka_port=free_port(2)))
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker for all tests that leave it running. Its topics hold what earlier tests wrote: name your own app."""
    yield from _broker(tmp_path_factory.mktemp("kafka"))


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[Broker]:
    """A broker that the test may stop, kill and start (about 4 s each)."""
    yield from _broker(tmp_path / "own_kafka")


@pytest.fixture
def topic(kafka: Broker) -> str:
    """A topic of the test's own on the broker that all share; some files have one with more in it."""
    return create_topic(kafka.bootstrap)


_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_QUIET = (
    "--no-sandbox",  # containers rarely allow one; it loads nothing but the tests' own pages
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def chromium() -> Iterator["Browser"]:
    """A headless Chromium. Not for the session: while it runs, nothing else may run an event loop on this thread."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        found = [path for name in _BROWSERS if (path := shutil.which(name))]
        path = found[0] if found else started.chromium.executable_path
        if not Path(path).exists():
            missing = pytest.fail if os.environ.get("CI") else pytest.skip
            missing("needs Chromium: `apt-get install chromium` (Debian), or `python -m playwright install chromium`")
        # Going back shows the page as it was left, as it does for people; playwright switches that off.
        kept = ["--disable-back-forward-cache"]
        browser = started.chromium.launch(executable_path=path, args=_QUIET, ignore_default_args=kept)
        yield browser
        browser.close()


@dataclass(slots=True)
class SettableClock:
    """A clock that stands still until it is moved."""

    now: datetime = datetime(2026, 1, 5, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        """Move it by a timedelta's arguments, for example `advance(minutes=30)`."""
        self.now += timedelta(**by)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "home" / "lake"))


@pytest.fixture
def context(tmp_path: Path, clock: SettableClock) -> Callable[..., Context]:
    """Make contexts: `context()`, or with settings replaced: `context(kafka_bootstrap_servers=kafka.bootstrap)`."""

    def make(home: Path = tmp_path / "home", **replaced: Any) -> Context:
        given = {"config_path": REPOSITORY / "feedwheel.toml", **TEST_SECRETS, **replaced}
        settings = Settings(home=home, **given)
        return Context(settings, settings.config(), Lake(settings.lake_url), clock)

    return make


@pytest.fixture(scope="module")
def ray_cluster() -> Iterator[None]:
    """One Ray for a module: `ray_session` uses what is there."""
    from pipelines.io.ray import ray_session

    with ray_session(Settings()):
        yield
