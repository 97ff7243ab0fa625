"""A week compressed: an hour of people, leavers, nonsense, swaps and an outage of Kafka, all at once.

A process with a real Kafka is asked without pause. Some people read to the end and react, some leave in the middle of a
stream, some send what is no request. Champions are swapped, by the code that a release uses; Kafka is down for a tenth
of the time. At the end: answers that failed by our own fault (5xx), whether every answer that somebody got is in Kafka
exactly once, and memory by quarters.

    python tests/bench/bench_soak.py --model DIR [--minutes 60] [--swap-every 60] [--people 6]
"""

import argparse
import itertools
import json
import logging
import multiprocessing
import random
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psutil
from feedwheel_capture.access import KafkaAccess
from feedwheel_capture.events import Baseline

from feedback.capture.consumer import EventConsumer
from pipelines.io.control import append_control
from pipelines.io.models import model_ref
from pipelines.settings import Settings
from pipelines.simulate.messages import SHIPPED, read_messages
from serving.service import Service, system_clock
from tests.bench.bench_swaps import keep_only
from tests.conftest import Broker, link_jars
from tests.ports import free_port
from tests.served import APP, await_true, deployed

NONSENSE = (
    b"", b"{", b"[]", b'{"model": "nobody"}', b'{"model": "routing", "messages": []}',
    b'{"model": "routing", "messages": [{"role": "user", "content": 7}]}', b"\xff\xfe\x00", b"0" * 100_000,
    b'{"model": "routing", "messages": [{"role": "user", "content": "x"}], "temperature": -1}',
)  # fmt: skip
QUIET_S = 120.0
"""After the load, at most, for what is spooled to reach Kafka."""
Heard = tuple[list[str], Counter[str], list[str]]
"""Answers that were whole, outcomes, problems."""
MESSAGES = [message.text for message in read_messages(SHIPPED)]


class Person:
    """One who asks until told to stop, in one of the ways that people have."""

    def __init__(self, url: str, number: int) -> None:
        self.http = httpx.Client(base_url=url, timeout=120)
        self.answers, self.outcomes, self.problems = list[str](), Counter[str](), list[str]()
        self._draw, self._user = random.Random(number), f"person-{number}"

    def body(self, **given: Any) -> dict[str, Any]:
        messages = [{"role": "user", "content": self._draw.choice(MESSAGES)}]
        return {"model": APP, "messages": messages, "user": self._user, "max_tokens": 32, **given}

    def reads(self) -> None:
        """And reacts, now and then."""
        answer = self.http.post("/v1/chat/completions", json=self.body())
        if self.heard(answer) and self._draw.random() < 0.5:
            value = {"rating": self._draw.choice([-1, 1]), "scale": [-1, 1]}
            feedback = {"app": APP, "user": self._user, "kind": "thumbs", "value": value}
            self.heard(self.http.post("/v1/feedback", json={**feedback, "response_id": self.answers[-1]}), keep=False)

    def streams(self) -> None:
        answer = self.http.post("/v1/chat/completions", json=self.body(stream=True))
        if self.heard(answer, keep=False):
            whole = answer.text.endswith("data: [DONE]\n\n")
            self.outcomes["streams whole" if whole else "streams cut"] += 1
            if whole:
                self.answers.append(json.loads(answer.text.split("\n", 1)[0][6:])["id"])
            else:
                self.problems.append(answer.text[-200:])

    def leaves(self) -> None:
        with self.http.stream("POST", "/v1/chat/completions", json=self.body(stream=True, max_tokens=64)) as answer:
            for _ in zip(range(self._draw.randrange(1, 8)), answer.iter_lines(), strict=False):
                pass
        self.outcomes["left"] += 1

    def talks_nonsense(self) -> None:
        headers = {"content-type": "application/json"}
        path = self._draw.choice(["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/feedback"])
        answer = self.http.post(path, content=self._draw.choice(NONSENSE), headers=headers)
        self.outcomes[f"nonsense {answer.status_code}"] += 1
        if answer.status_code >= 500:
            self.problems.append(f"{path}: {answer.text[:200]}")
        time.sleep(0.2)

    def heard(self, answer: httpx.Response, *, keep: bool = True) -> bool:
        """Whether it was answered."""
        self.outcomes[f"status {answer.status_code}"] += 1
        if answer.status_code >= 500:
            self.problems.append(f"{answer.status_code}: {answer.text[:200]}")
        if answer.is_success and keep:
            self.answers.append(answer.json()["id"])
        if answer.status_code == 429:
            time.sleep(min(5.0, float(answer.headers["retry-after"])))
        return answer.is_success


def live(url: str, number: int, stop: Event, heard: "multiprocessing.Queue[Heard]") -> None:
    person = Person(url, number)
    ways = (person.reads, person.streams, person.leaves, person.talks_nonsense)
    does: Callable[[], None] = ways[number % len(ways)]
    while not stop.is_set():
        try:
            does()
        except httpx.TransportError as error:
            person.problems.append(repr(error))
            time.sleep(1)
    heard.put((person.answers, person.outcomes, person.problems))


def swap(service: Service, model: Path, every_s: float, stop: threading.Event) -> int:
    """Let two copies of a model take turns; how often they did."""
    assert service.deployment is not None
    supervisor, pool = service.deployment.supervisor, service.pool
    refs = [model_ref("copy", version, model) for version in "ab"]
    for number in itertools.count(1):
        if stop.wait(every_s):
            return number - 1
        ref = refs[number % 2]
        assert supervisor._load_champion(APP, ref), supervisor.faults
        keep_only(pool, ref)
    raise AssertionError


def published(bootstrap: str) -> Counter[str]:
    """How often the event of each answer is in Kafka."""
    found = Counter[str]()
    with EventConsumer(KafkaAccess(bootstrap), ["feedwheel.generations"]) as consumer:
        while not consumer.at_end():
            found.update(msgspec.json.decode(record.value)["data"]["response_id"] for record in consumer.poll(1.0))
    return found


def soak(broker: Broker, url: str, service: Service, minutes: float, people: int) -> tuple[list[Heard], list[int]]:
    """Let people live for so long, with an outage in the middle; what they heard, and MiB every ten seconds."""
    spawn = multiprocessing.get_context("spawn")
    stop, heard = spawn.Event(), spawn.Queue()
    living = [spawn.Process(target=live, args=(url, number, stop, heard)) for number in range(people)]
    for person in living:
        person.start()
    memory, process, began, is_down = list[int](), psutil.Process(), time.monotonic(), False
    while (share := (time.monotonic() - began) / (minutes * 60)) < 1:
        if (0.45 <= share < 0.55) != is_down:
            is_down = not is_down
            (broker.stop if is_down else broker.start)()
            print(f"{share:.0%}: Kafka {'down' if is_down else 'up'}", flush=True)
        memory.append(process.memory_info().rss >> 20)
        if len(memory) % 30 == 0:
            print(f"{share:.0%}: {memory[-1]} MiB, {len(service.pool.models)} models", flush=True)
        time.sleep(10)
    stop.set()
    found = [heard.get(timeout=180) for _ in living]
    for person in living:
        person.join()
    return found, memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--swap-every", type=float, default=60, help="seconds")
    parser.add_argument("--people", type=int, default=6)
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        link_jars(home / "kafka")
        broker = Broker(Settings(home=home / "kafka", kafka_port=free_port(2)))
        broker.start()
        try:
            append_control(broker.access, Baseline(app=APP, model=model_ref("copy", "a", given.model)), system_clock)
            port, seconds = broker.settings.kafka_port, given.swap_every
            with deployed(home / "serving", records=[], kafka_port=port, serving_rows=16) as (url, service):
                assert service.deployment is not None
                service.deployment.supervisor.close()  # from here on we swap, and nobody else
                done, swaps = threading.Event(), list[int]()
                swapping = threading.Thread(target=lambda: swaps.append(swap(service, given.model, seconds, done)))
                swapping.start()
                heard, memory = soak(broker, url, service, given.minutes, given.people)
                done.set()
                swapping.join()
                await_true(lambda: service.deployment and service.deployment.spool.depth == 0, QUIET_S)
            report(heard, memory, published(broker.bootstrap), swaps[0])
        finally:
            broker.stop()


def report(heard: list[Heard], memory: list[int], events: Counter[str], swaps: int) -> None:
    answers = Counter(answer for found, _, _ in heard for answer in found)
    outcomes = sum((found for _, found, _ in heard), Counter[str]())
    problems = [problem for _, _, found in heard for problem in found]
    lost, doubled = answers - events, [answer for answer, count in events.items() if count > 1]
    quarter = max(1, len(memory) // 4)
    print(f"{swaps} swaps; {sum(answers.values())} answers whole, {len(problems)} problems; {dict(outcomes)}")
    print(f"events of answers: {len(events)} in Kafka, {len(lost)} lost, {len(doubled)} there twice")
    quarters = [statistics.median(memory[place : place + quarter]) for place in range(0, 4 * quarter, quarter)]
    print("memory by quarters, median MiB: " + ", ".join(f"{each:.0f}" for each in quarters))
    for problem in problems[:10]:
        print(" ", problem)


if __name__ == "__main__":
    main()
