"""Client, collector and broker killed fifty times with SIGKILL: what was acknowledged is in silver, once (I1, I7)."""

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from feedwheel_capture.collector import CollectorConnection
from feedwheel_capture.kafka import EventProducer
from feedwheel_capture.publisher import Publisher
from feedwheel_capture.spool import abandoned

from feedback.capture.collector.keys import create_key
from pipelines import extract, ingest, reconcile
from pipelines.stack.probe import awaits_ok, http_json
from tests.conftest import REPOSITORY, TEST_SECRETS, Broker
from tests.dying import CLIENT_POINTS, COLLECTOR_POINTS, Dying, Role
from tests.events import APP
from tests.ports import free_port
from tests.served import await_true

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(600)]

ROUNDS = (
    [("client", point) for point in (*CLIENT_POINTS, *CLIENT_POINTS)]
    + [("client", "")] * 12
    + [("client of the collector", "")] * 6
    + [("collector", point) for point in (*COLLECTOR_POINTS, *COLLECTOR_POINTS)]
    + [("collector", "")] * 6
    + [("broker", "")] * 8
)
SECRETS = {"user_key_layers": "a-user-key-of-some-length", "split_key": "a-split-key-of-some-length"}
"""Long enough for a client."""
LIVES_S = (0.02, 0.6)
"""How long a process goes on after its first acknowledged event, drawn for each."""


@dataclass
class Deployment:
    """What is killed, and what was promised before."""

    home: Path
    broker: Broker
    acknowledged: list[str] = field(default_factory=list)
    collector_port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self.key = create_key(self.home / "collector" / "keys.json", APP, datetime.now(UTC))

    def client(self, point: str = "", *, by_collector: bool = False) -> Dying:
        """An application that records."""
        settings = {"app": APP, "consent": "content", "app_type": "task", "capture_spool": self.home / "to-kafka"}
        if by_collector:
            settings |= {"collector_url": f"http://127.0.0.1:{self.collector_port}", "api_key": self.key}
            settings |= {"capture_spool": self.home / "to-collector"}
        return self._start("client", point, settings)

    @contextmanager
    def collector(self, point: str = "") -> Iterator[Dying]:
        """A collector that is killed at the latest in the end."""
        settings = {"home": self.home, "config_path": REPOSITORY / "feedwheel.toml"}
        settings |= {"collector_port": self.collector_port}
        process = self._start("collector", point, settings)
        process.out.close()  # it writes nothing
        try:
            while awaits_ok(f"http://127.0.0.1:{self.collector_port}/readyz"):
                assert process.ended() is None
                time.sleep(0.05)
            yield process
        finally:
            process.kill()
            process.ended(30)

    def _start(self, role: Role, point: str, settings: dict[str, object]) -> Dying:
        secrets = {**TEST_SECRETS, **SECRETS}
        given = {f"FEEDWHEEL_{name.upper()}": str(value) for name, value in {**secrets, **settings}.items()}
        environment = {**os.environ, **given, "KAFKA_BOOTSTRAP_SERVERS": self.broker.bootstrap}
        return Dying.start(role, point, environment)

    def first(self, client: Dying) -> None:
        """Wait until a client has recorded something."""
        line = client.out.readline()
        assert line, "it ended before it recorded anything"
        self.acknowledged.append(line.decode().strip())

    def dead(self, client: Dying) -> None:
        """Wait for the end of a client, and remember what it was promised."""
        with client.out:
            ids = client.out.read().decode().split("\n")[:-1]  # after the last newline: torn
        assert client.ended(30) == -signal.SIGKILL
        assert ids, "it was killed before it made progress"
        self.acknowledged += ids

    def recover(self) -> None:
        """Send what the dead left in their spools, as the next process of the application would."""
        url = f"http://127.0.0.1:{self.collector_port}"
        with self.collector():
            destinations = {
                "to-kafka": lambda: EventProducer(self.broker.access),
                "to-collector": lambda: CollectorConnection(url, self.key),
            }
            for root, connect in destinations.items():
                for spool in abandoned(self.home / root):
                    with spool:
                        Publisher(spool, connect).empty(threading.Event())
            await_true(lambda: http_json(f"{url}/readyz")["spool"]["records"] == 0)


def kill_client(place: Deployment, point: str, life_s: float, *, by_collector: bool = False) -> None:
    client = place.client(point, by_collector=by_collector)
    place.first(client)
    if not point:
        time.sleep(life_s)
        client.kill()
    place.dead(client)


def kill_collector(place: Deployment, point: str, life_s: float) -> None:
    with place.collector(point) as collector:
        client = place.client(by_collector=True)
        place.first(client)
        if not point:
            time.sleep(life_s)
            collector.kill()
        assert collector.ended(60) == -signal.SIGKILL
        client.kill()
        place.dead(client)


def kill_broker(place: Deployment, life_s: float) -> None:
    client = place.client()
    place.first(client)
    time.sleep(life_s)
    place.broker.kill()
    time.sleep(life_s)
    client.kill()
    place.dead(client)
    place.broker.start()


def test_fifty_kills_lose_nothing_and_store_nothing_twice(own_kafka, tmp_path, context):
    place, draw = Deployment(tmp_path / "home", own_kafka), random.Random(7)
    rounds = list(ROUNDS)
    assert len(rounds) == 50
    draw.shuffle(rounds)
    for who, point in rounds:
        life_s = draw.uniform(*LIVES_S)
        match who:
            case "client":
                kill_client(place, point, life_s)
            case "client of the collector":
                with place.collector():
                    kill_client(place, point, life_s, by_collector=True)
            case "collector":
                kill_collector(place, point, life_s)
            case "broker":
                kill_broker(place, life_s)

    place.recover()
    ctx = context(kafka_bootstrap_servers=own_kafka.bootstrap)
    ingest.run(ctx, APP)
    extract.run(ctx, APP)
    bronze = Counter(ctx.lake.read("bronze/generations", ["event_id"]).column("event_id").to_pylist())
    silver = Counter(ctx.lake.read("silver/turns", ["event_id"]).column("event_id").to_pylist())
    assert len(set(place.acknowledged)) == len(place.acknowledged) > 50 * 5
    assert set(place.acknowledged) - bronze.keys() == set()
    assert set(place.acknowledged) - silver.keys() == set()
    assert set(silver.values()) == {1}
    assert reconcile.run(ctx).exact
