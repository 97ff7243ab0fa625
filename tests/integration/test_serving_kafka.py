"""Kafka stopped under traffic: nobody notices, and nothing is lost (I7)."""

import threading
import time
from collections import Counter

import httpx
import msgspec
import pytest
from feedwheel_capture.access import KafkaAccess
from feedwheel_capture.events import Baseline

from feedback.capture.consumer import EventConsumer
from pipelines.io.control import append_control
from serving.service import system_clock
from tests.served import APP, await_true, deployed
from tests.tiny_model import tiny_model

pytestmark = pytest.mark.integration

OUTAGE_S = 25
"""Longer than every timeout and retry on the way to Kafka, of which the longest is 20 s: what an outage can change in
the process has changed by then."""
KINDS = ("generation", "exposure", "feedback")
ASK = {"model": APP, "messages": [{"role": "user", "content": "Where is my card?"}], "max_tokens": 4}


class Traffic:
    """People who ask and react without pause until they are told to stop."""

    def __init__(self, url: str, people: int = 3) -> None:
        self.answers: list[str] = []
        self.feedback: list[str] = []
        self.problems: list[object] = []
        self.slowest_s = 0.0
        self._url = url
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._person, args=(f"person-{n}",)) for n in range(people)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _person(self, user: str) -> None:
        with httpx.Client(base_url=self._url, timeout=20) as http:
            while not self._stop.is_set():
                try:
                    self._once(http, user)
                except Exception as problem:
                    self.problems.append(problem)

    def _once(self, http: httpx.Client, user: str) -> None:
        started = time.monotonic()
        answer = http.post("/v1/chat/completions", json={**ASK, "user": user}).raise_for_status().json()
        self.answers.append(answer["id"])
        value = {"rating": 1, "scale": [-1, 1]}
        body = {"app": APP, "user": user, "kind": "thumbs", "value": value, "response_id": answer["id"]}
        self.feedback.append(http.post("/v1/feedback", json=body).raise_for_status().json()["event_id"])
        self.slowest_s = max(self.slowest_s, time.monotonic() - started)


def read_all(bootstrap: str) -> list[dict]:
    with EventConsumer(KafkaAccess(bootstrap), ["feedwheel.generations", "feedwheel.feedback"]) as consumer:
        events = []
        while not consumer.at_end():
            events += [msgspec.json.decode(record.value) for record in consumer.poll(1.0)]
    return events


def test_kafka_stopped_under_traffic(own_kafka, tmp_path):
    append_control(own_kafka.access, Baseline(app=APP, model=tiny_model()), system_clock)
    port = own_kafka.settings.kafka_port
    with deployed(tmp_path / "serving", records=[], kafka_port=port) as (url, service), httpx.Client() as http:
        await_true(lambda: service.deployment.publisher.connected)
        assert http.get(f"{url}/readyz").json()["status"] == "ready"
        with Traffic(url) as traffic:
            await_true(lambda: len(traffic.answers) > 30)
            own_kafka.stop()
            stopped_after = len(traffic.answers)
            await_true(lambda: not service.deployment.publisher.connected, timeout_s=40)
            time.sleep(OUTAGE_S)
            assert len(traffic.answers) > stopped_after + OUTAGE_S
            degraded = http.get(f"{url}/readyz")
            assert (degraded.status_code, degraded.json()["status"]) == (200, "degraded")
            assert service.deployment.spool.depth > 0
            own_kafka.start()
            await_true(lambda: service.deployment.publisher.connected)
        assert traffic.problems == []
        assert traffic.slowest_s < 5  # an answer takes milliseconds here; the machine may be busy
        await_true(lambda: service.deployment.spool.depth == 0)
        await_true(lambda: http.get(f"{url}/readyz").json()["status"] == "ready")

    events = read_all(own_kafka.bootstrap)
    kinds = {kind: {event["id"] for event in events if event["type"] == f"feedwheel.{kind}.v1"} for kind in KINDS}
    by_id = {event["id"]: event for event in events}
    answered = Counter(by_id[event_id]["data"]["response_id"] for event_id in kinds["generation"])
    exposed = Counter(by_id[event_id]["data"]["response_id"] for event_id in kinds["exposure"])
    assert answered == exposed == Counter(traffic.answers)
    assert kinds["feedback"] == set(traffic.feedback)


def test_a_restart_without_kafka_serves_the_champion_of_the_log(own_kafka, tmp_path):
    append_control(own_kafka.access, Baseline(app=APP, model=tiny_model("7")), system_clock)
    port = own_kafka.settings.kafka_port
    with deployed(tmp_path / "serving", records=[], kafka_port=port):
        pass
    own_kafka.stop()
    with deployed(tmp_path / "serving", records=[], kafka_port=port) as (url, _), httpx.Client(base_url=url) as http:
        ready = http.get("/readyz").json()
        assert (ready["status"], ready["apps"][APP]["champion"]) == ("degraded", "7")
        assert http.post("/v1/chat/completions", json=ASK).status_code == 200
