"""A challenger on live traffic: people decide, serving acts, nobody's request fails (section 5 of the design)."""

import itertools
import shutil
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from feedwheel_capture.events import Baseline, Decision, Proposal

from pipelines.io.control import append_control, read_control
from serving.service import system_clock
from tests.served import await_true, config_of, deployed
from tests.tiny_model import tiny_model, tiny_model_dir

pytestmark = pytest.mark.integration

CANARY = {"min_users_per_arm": 5, "maturity_s": 0.3, "alpha": 0.2}


class People:
    """Many people, several at a time; each asks once and gives a thumb by the arm that answered."""

    def __init__(self, url: str, app: str, likes: str) -> None:
        self.answers: list[dict] = []
        self._url, self._app, self._likes = url, app, likes
        self._numbers = itertools.count()

    def come(self, count: int) -> None:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: self._visit(), range(count)))

    def _visit(self) -> None:
        user = f"visitor-{next(self._numbers)}"
        ask = {"model": self._app, "messages": [{"role": "user", "content": "My card?"}], "max_tokens": 3, "user": user}
        with httpx.Client(base_url=self._url, timeout=30) as http:
            answer = http.post("/v1/chat/completions", json=ask).raise_for_status().json()
            self.answers.append(answer)
            liked = answer["feedwheel"]["arm"] == self._likes
            value = {"rating": 1 if liked else -1, "scale": [-1, 1]}
            said = {"app": self._app, "user": user, "kind": "thumbs", "value": value, "response_id": answer["id"]}
            http.post("/v1/feedback", json=said).raise_for_status()

    def until(self, condition, rounds: int = 60) -> None:
        for _ in range(rounds):
            if condition():
                return
            self.come(8)
        raise AssertionError("not decided")


@pytest.fixture
def process(kafka, tmp_path, request):
    """A replica of an application of this test's own, whose baseline is in the log."""
    app = request.node.name.replace("_", "-").removeprefix("test-")[:40]
    append_control(kafka.access, Baseline(app=app, model=tiny_model("1")), system_clock)
    config = config_of(app, tmp_path, **CANARY)
    settings = {"kafka_port": kafka.settings.kafka_port, "config_path": config}
    with deployed(tmp_path / "a", app=app, records=[], **settings) as (url, service):
        yield app, url, service, settings


def propose(kafka, app: str, release_id: str = "r1", verdict="WAIVED", **model) -> None:
    proposal = {"app": app, "release_id": release_id, "verdict": verdict, "share": 0.5}
    append_control(kafka.access, Proposal(model=model.get("model") or tiny_model("2"), **proposal), system_clock)


def rollout(url: str, app: str) -> dict:
    return httpx.get(f"{url}/v1/rollout", params={"app": app}).raise_for_status().json()


def decisions(kafka, app: str) -> list[Decision]:
    return [record for record in read_control(kafka.access, app) if isinstance(record, Decision)]


def test_a_better_one_becomes_champion_for_everyone(kafka, process, tmp_path):
    app, url, service, settings = process
    people = People(url, app, likes="challenger")
    propose(kafka, app)
    people.until(lambda: rollout(url, app)["state"] == "PROMOTE")
    await_true(lambda: rollout(url, app)["champion"]["version"] == "2")

    (decision,) = decisions(kafka, app)
    assert (decision.state, decision.by) == ("PROMOTE", "serving-1")
    assert decision.evidence["difference"]["low"] > 0
    assert decision.evidence["arms"]["challenger"]["quality"]["estimate"] == 1.0
    assert {answer["feedwheel"]["release_id"] for answer in people.answers} <= {None, "r1"}
    assert {answer["feedwheel"]["arm"] for answer in people.answers} == {"champion", "challenger"}
    people.answers.clear()
    people.come(8)
    assert {answer["feedwheel"]["arm"] for answer in people.answers} == {"champion"}
    assert {model.ref.version for model in service.pool.models} == {"1", "2"}  # the one before stays at hand

    # Another replica folds the log to the same state; an operator takes the promotion back, and both follow.
    with deployed(tmp_path / "b", app=app, records=[], serving_replica="serving-2", **settings) as (other, _):
        await_true(lambda: rollout(other, app)["champion"]["version"] == "2")
        back = Decision(app=app, release_id="r1", state="ROLLBACK", by="operator", rationale="a person said so")
        append_control(kafka.access, back, system_clock)
        await_true(lambda: rollout(url, app)["champion"]["version"] == "1", timeout_s=15)
        await_true(lambda: rollout(other, app)["champion"]["version"] == "1", timeout_s=15)
    people.come(4)


def test_a_worse_one_is_rolled_back(kafka, process):
    app, url, service, _ = process
    people = People(url, app, likes="champion")
    propose(kafka, app, verdict="PASS")
    people.until(lambda: rollout(url, app)["state"] == "ROLLBACK")
    (decision,) = decisions(kafka, app)
    assert decision.rationale.startswith("worse")
    await_true(lambda: [model.ref.version for model in service.pool.models] == ["1"])
    assert rollout(url, app)["champion"]["version"] == "1"


def test_one_that_is_not_what_was_named_never_answers(kafka, process, tmp_path):
    app, url, _, _ = process
    altered = tmp_path / "altered"
    shutil.copytree(tiny_model_dir(), altered)
    named = tiny_model("2")
    with (altered / "model.onnx.data").open("ab") as weights:
        weights.write(b"one byte more")
    propose(kafka, app, model=type(named)(name="tiny", version="2", uri=str(altered), digest=named.digest))
    await_true(lambda: rollout(url, app)["state"] == "ROLLBACK")
    (decision,) = decisions(kafka, app)
    assert "digest" in decision.rationale
    people = People(url, app, likes="champion")
    people.come(4)
    assert {answer["feedwheel"]["release_id"] for answer in people.answers} == {None}


def test_one_that_fails_is_rolled_back_within_seconds(kafka, process):
    app, url, service, _ = process
    propose(kafka, app)
    await_true(lambda: service.lineup(app).challenger is not None)
    service.lineup(app).challenger.model.batch.decoder.decode = lambda *_: 1 / 0
    statuses = []
    ask = {"model": app, "messages": [{"role": "user", "content": "My card?"}], "max_tokens": 3}
    with httpx.Client(base_url=url, timeout=30) as http:
        started = time.monotonic()
        while service.lineup(app).challenger is not None:
            answer = http.post("/v1/chat/completions", json={**ask, "user": f"u{len(statuses)}"})
            statuses.append(answer.status_code)
            assert time.monotonic() - started < 10
        assert rollout(url, app)["rationale"].startswith("errors")
        assert http.post("/v1/chat/completions", json=ask).status_code == 200
    assert set(statuses) == {200, 500}


def test_switching_champions_drops_no_request(kafka, process):
    """Six switches under continuous traffic, streams included; who began with the old one ends with the old one."""
    app, url, service, _ = process
    stop, problems, answered = threading.Event(), [], Counter()

    def person(number: int) -> None:
        body = {"model": app, "messages": [{"role": "user", "content": "My card?"}], "stream": number % 2 == 0}
        with httpx.Client(base_url=url, timeout=30) as http:
            while not stop.is_set():
                answer = http.post("/v1/chat/completions", json={**body, "max_tokens": (4, 60)[number % 3 == 0]})
                whole = answer.text.endswith("data: [DONE]\n\n") if body["stream"] else answer.is_success
                answered[answer.status_code] += 1
                problems.extend([] if whole else [answer.text])

    people = [threading.Thread(target=person, args=(number,)) for number in range(4)]
    for thread in people:
        thread.start()
    for number in range(6):
        version, release = str(number + 2), f"r{number}"
        propose(kafka, app, release, model=tiny_model(version))
        promote = Decision(app=app, release_id=release, state="PROMOTE", by="operator", rationale="a test")
        append_control(kafka.access, promote, system_clock)
        await_true(lambda wanted=version: service.lineup(app).champion.ref.version == wanted)
    await_true(lambda: len(service.pool.models) == 2)
    stop.set()
    for thread in people:
        thread.join()
    assert problems == []
    assert answered.keys() == {200}
    assert answered[200] > 50
