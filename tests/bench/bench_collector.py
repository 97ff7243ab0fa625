"""The collector under load: events acknowledged a second, how long an answer takes, and that none is lost.

Real Kafka (acks=all), collector processes on one port, a client in a process of its own that keeps the given rate
whatever the answers take. `--kill-kafka` kills the broker after a third of the time and starts it after two thirds.

    python tests/bench/bench_collector.py [--rate 10000] [--batch 100] [--seconds 30] [--workers 1] [--kill-kafka]
"""

import argparse
import http.client
import json
import multiprocessing
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import psutil
from feedwheel_capture.access import KafkaAccess
from feedwheel_capture.events import encode
from feedwheel_capture.recorder import make_event

from feedback.capture.collector.keys import create_key
from feedback.capture.consumer import EventConsumer
from pipelines.settings import Settings
from pipelines.stack.kafka import kafka_service
from pipelines.stack.paths import REPOSITORY
from pipelines.stack.probe import awaits_ok
from pipelines.stack.process import Background
from pipelines.stack.service import bring_up
from tests.conftest import TEST_SECRETS, link_jars
from tests.events import APP, generation, user
from tests.ports import free_port

CONNECTIONS = 8
"""As of a few application servers; more only wait for each other on two cores."""
QUESTION = "My card has not arrived yet, and it has been two weeks since I ordered it in your app."
ANSWER = "Cards usually arrive within five working days. If yours is late, we can send you a new one. Mail me@a.example"


def main() -> None:
    """Run and print one line of figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=10_000, help="events/s")
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--kill-kafka", action="store_true")
    run(parser.parse_args())


def run(arguments: argparse.Namespace) -> None:
    """Bring everything up, send, count."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        link_jars(home)
        settings = Settings(home=home, kafka_port=free_port(2))
        kafka, broker = kafka_service(settings), Background(home, "kafka")
        bring_up(kafka, home, threading.Event())
        try:
            with collectors(home, settings.kafka_port, arguments.workers) as (port, key, processes):
                killer = threading.Thread(target=lambda: kill(kafka, broker, home, arguments.seconds))
                if arguments.kill_kafka:
                    killer.start()
                cpu_s = _cpu_s(processes)
                sent = send(port, key, arguments)
                cpu_s = _cpu_s(processes) - cpu_s
                if arguments.kill_kafka:
                    killer.join()
                stored_s = drained(str(settings.kafka), len(sent["acknowledged"]))
            report(arguments, sent, stored(str(settings.kafka)), stored_s, cpu_s)
        finally:
            broker.stop()


def kill(kafka, broker, home: Path, seconds: int) -> None:
    """Take the broker away for a third of the time."""
    time.sleep(seconds / 3)
    broker.kill()
    time.sleep(seconds / 3)
    bring_up(kafka, home, threading.Event())


@contextmanager
def collectors(home: Path, kafka_port: int, workers: int) -> Iterator[tuple[int, str, list[psutil.Process]]]:
    """Port, API key and processes of a collector."""
    port = free_port()
    key = create_key(home / "collector" / "keys.json", APP, datetime.now(UTC), 1e9)
    given = {**TEST_SECRETS, "home": home, "config_path": REPOSITORY / "feedwheel.toml", "kafka_port": kafka_port}
    given |= {"collector_port": port, "collector_workers": workers}
    environment = {**os.environ, **{f"FEEDWHEEL_{name.upper()}": str(value) for name, value in given.items()}}
    started = subprocess.Popen([sys.executable, "-m", "feedback.capture.collector"], env=environment)
    try:
        while missing := awaits_ok(f"http://127.0.0.1:{port}/readyz"):
            if started.poll() is not None:
                raise SystemExit(f"the collector ended: {missing}")
            time.sleep(0.1)
        own = psutil.Process(started.pid)
        yield port, key, [own, *own.children(recursive=True)]
    finally:
        started.terminate()
        started.wait()


def _cpu_s(processes: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def send(port: int, key: str, arguments: argparse.Namespace) -> dict:
    """What the client saw: seconds per answer, ids acknowledged, statuses of what was not."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as client:
        return client.submit(keep_rate, port, key, arguments.rate, arguments.batch, arguments.seconds).result()


def keep_rate(port: int, key: str, rate: int, batch: int, seconds: int) -> dict:
    """Send at a rate by threads over connections of their own; each body is a copy with ids of its own."""
    template = _template()
    due = queue.SimpleQueue()
    requests = rate * seconds // batch
    for number in range(requests):
        due.put(number)
    began = time.monotonic() + 0.5
    waits, acknowledged, refused = [], [], []

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        while True:
            try:
                number = due.get_nowait()
            except queue.Empty:
                return
            ids = [f"{number}-{place}" for place in range(batch)]
            body = b"[" + b",".join(template.replace(b"EVENT-ID", event_id.encode()) for event_id in ids) + b"]"
            time.sleep(max(0.0, began + number * batch / rate - time.monotonic()))
            # From when it was due: a client that has fallen behind waits too.
            start = began + number * batch / rate
            connection.request("POST", "/v1/events", body, headers)
            answer = connection.getresponse()
            content = answer.read()
            waits.append(time.monotonic() - start)
            if answer.status == 202 and json.loads(content)["stored"] == batch:
                acknowledged.extend(ids)
            else:
                refused.append((answer.status, content[:200]))

    threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"waits": waits, "acknowledged": acknowledged, "refused": refused, "seconds": time.monotonic() - began}


def _template() -> bytes:
    answer = generation("EVENT-ID", input=[user(QUESTION)], output=ANSWER)
    return encode(make_event(answer, "bench", datetime.now(UTC), "EVENT-ID"))


def drained(bootstrap: str, count: int) -> float:
    """Seconds until Kafka has as many records as were acknowledged; 120 at most."""
    began = time.monotonic()
    with EventConsumer(KafkaAccess(bootstrap), ["feedwheel.generations"]) as consumer:
        while time.monotonic() - began < 120:
            ends = consumer._consumer.end_offsets(consumer._partitions)
            if sum(ends.values()) >= count:
                break
            time.sleep(0.2)
    return time.monotonic() - began


def stored(bootstrap: str) -> list[str]:
    """The ids of everything in Kafka."""
    ids = []
    with EventConsumer(KafkaAccess(bootstrap), ["feedwheel.generations"]) as consumer:
        while not consumer.at_end():
            ids += [msgspec.json.decode(record.value)["id"] for record in consumer.poll(0.2, 5000)]
    return ids


def report(arguments: argparse.Namespace, sent: dict, ids: list[str], stored_s: float, cpu_s: float) -> None:
    """One line."""
    p50, p99, worst = np.quantile(sent["waits"], [0.5, 0.99, 1.0]) * 1000
    acknowledged = sent["acknowledged"]
    lost = len(set(acknowledged) - set(ids))
    print(
        f"{arguments.workers} workers, {arguments.rate} events/s wanted in batches of {arguments.batch}"
        f"{', Kafka killed for a third of it' if arguments.kill_kafka else ''}: "
        f"acknowledged {len(acknowledged)} in {sent['seconds']:.1f} s = {len(acknowledged) / sent['seconds']:.0f}/s, "
        f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, worst {worst:.0f} ms; refused {len(sent['refused'])} requests; "
        f"stored in Kafka {len(ids)} ({len(ids) - len(set(ids))} twice) {stored_s:.1f} s later, lost {lost}; "
        f"{cpu_s / max(len(acknowledged), 1) * 1e6:.0f} core microseconds per event"
    )
    for refusal in sent["refused"][:3]:
        print("  refused:", *refusal)


if __name__ == "__main__":
    main()
