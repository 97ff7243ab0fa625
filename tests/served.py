"""Serving processes inside a test: a real server on a real port, with a model of the test's choice."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from feedwheel_capture.events import Baseline, Control, encode
from feedwheel_capture.recorder import make_event

from pipelines.stack.paths import REPOSITORY
from serving.api.app import create_app
from serving.service import Service, online
from serving.settings import ServingSettings
from tests import http_server
from tests.conftest import TEST_SECRETS
from tests.ports import free_port
from tests.tiny_model import tiny_model

APP = "routing"
"""An application of feedwheel.toml."""


def serving_settings(home: Path, **replaced: Any) -> ServingSettings:
    """Settings of a replica at `home`; without others, of a deployment whose Kafka is down."""
    defaults = {"kafka_port": free_port(), "serving_threads": 1, "serving_rows": 8, "serving_drain_s": 5.0}
    defaults["serving_objective_first_token_s"] = 60.0  # on a busy machine nobody is refused
    given = {"home": home, "config_path": REPOSITORY / "feedwheel.toml", **TEST_SECRETS, **defaults, **replaced}
    return ServingSettings(**given)


def config_of(app: str, directory: Path, **canary: Any) -> Path:
    """A product configuration like the shipped one for an application of its own, with other canary rules."""
    text = (REPOSITORY / "feedwheel.toml").read_text(encoding="utf-8").replace(f"[apps.{APP}", f"[apps.{app}")
    for name, value in canary.items():
        head, tail = text.split(f"[apps.{app}.canary]")
        text = head + f"[apps.{app}.canary]" + re.sub(rf"(?m)^{name} = .*$", f"{name} = {value}", tail, count=1)
    path = directory / f"{app}.toml"
    path.write_text(text, encoding="utf-8")
    return path


def write_mirror(settings: ServingSettings, records: Sequence[Control]) -> None:
    """What the process is to know of the control log before it starts."""
    now = datetime.now(UTC)
    log = [msgspec.Raw(encode(make_event(record, "test", now))) for record in records]
    settings.serving_home.mkdir(parents=True, exist_ok=True)
    (settings.serving_home / "control.json").write_bytes(msgspec.json.encode({"log": log, "pending": []}))


@contextmanager
def running(service: Service) -> Iterator[str]:
    """Serve over HTTP; the base URL. The service is closed at the end as by SIGTERM."""
    with http_server.running(create_app(service)) as url:
        yield url


@contextmanager
def deployed(
    home: Path, app: str = APP, records: Sequence[Control] | None = None, **replaced: Any
) -> Iterator[tuple[str, Service]]:
    """An online process, ready to answer. Its mirror holds `records` (the tiny model as champion), or is as it was."""
    settings = serving_settings(home, **replaced)
    if records != []:
        write_mirror(settings, records or [Baseline(app=app, model=tiny_model())])
    service = online(settings)
    with running(service) as url:
        await_true(lambda: service.lineup(app) is not None)
        yield url, service


def await_true(condition: Callable[[], object], timeout_s: float = 60.0) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not so after {timeout_s} s")
        time.sleep(0.02)


def spooled(service: Service) -> list[Any]:
    """Every event that waits in the spool, as plain values."""
    assert service.deployment is not None
    spool = service.deployment.spool
    records, _ = spool.read(spool.acknowledged, 10_000)
    return [msgspec.json.decode(record.value) for record in records]


def events_of(service: Service, response_id: str) -> dict[str, Any]:
    """The events about one answer in the spool, by their type."""
    found = [event for event in spooled(service) if event["data"].get("response_id") == response_id]
    return {event["type"].split(".")[1]: event for event in found}
