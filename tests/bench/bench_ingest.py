"""Ingest against the plain loop that it replaces: thousand events a second from a full topic to the last commit.

The peer is the simplest correct way to the same place: consume, `pyarrow.json`, `write_deltalake` per 100,000 rows; it
checks nothing, keeps no rejects, commits no offsets. Both run in one process, in turn, on one broker and one topic.

    python tests/bench/bench_ingest.py [--events 200000] [--rounds 3]
"""

import argparse
import dataclasses
import io
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow.json
from confluent_kafka import Consumer, TopicPartition
from deltalake import write_deltalake

from pipelines import ingest
from pipelines.context import Context
from pipelines.io.lake import Lake
from pipelines.settings import Settings
from schemas.config import Config
from tests.conftest import TEST_SECRETS, Broker, free_port, link_jars
from tests.topics import create_topic, declaring, generations, produce

PARTITIONS = 4
EVENT_BYTES = 700
PEER_COMMIT_ROWS = 100_000
PEER_POLL = 10_000


def values(count: int):
    """Distinct events of about 700 bytes."""
    (template,) = generations(1, output="")
    padding = "card " * ((EVENT_BYTES - len(template)) // 5)
    (template,) = generations(1, output=padding)
    for number in range(count):
        unique = str(number).encode()
        yield template.replace(b'"event-0"', b'"event-' + unique + b'"').replace(b'"a0"', b'"a' + unique + b'"')


def fill(bootstrap: str, count: int) -> str:
    topic = create_topic(bootstrap, PARTITIONS)
    for partition in range(PARTITIONS):
        produce(bootstrap, topic, values(count // PARTITIONS), partition)
    return topic


@dataclasses.dataclass(frozen=True)
class Took:
    """Seconds by the clock, and of this process's processor time: the latter hardly minds what else runs."""

    wall: float
    cpu: float


def timed(work: Callable[[], object]) -> Took:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Took(time.perf_counter() - wall, time.process_time() - cpu)


def plain_loop(bootstrap: str, topic: str, count: int, table: str) -> None:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "peer", "fetch.queue.backoff.ms": 5})
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(PARTITIONS)])
    waiting: list[bytes] = []
    seen = 0
    while seen < count:
        messages = consumer.consume(PEER_POLL, 0.2)
        waiting += [message.value() for message in messages]
        seen += len(messages)
        if len(waiting) >= PEER_COMMIT_ROWS or (seen >= count and waiting):
            rows = pyarrow.json.read_json(io.BytesIO(b"\n".join(waiting)))
            write_deltalake(table, rows.drop_columns(["dataschema"]), mode="append")
            waiting.clear()
    consumer.close()


def measure(broker: Broker, config: Config, events: int, rounds: int, home: Path) -> None:
    settings = Settings(home=home, kafka_bootstrap_servers=broker.bootstrap, **TEST_SECRETS)
    base = declaring(Context(settings, config, Lake("")), {fill(broker.bootstrap, 2_000): "feedwheel.generations"})
    ingest.run(dataclasses.replace(base, lake=Lake(str(home / "warm-up"))))
    topic = fill(broker.bootstrap, events)
    declared = declaring(base, {topic: "feedwheel.generations"})
    ours, peer = list[Took](), list[Took]()
    for number in range(rounds):
        into = dataclasses.replace(declared, lake=Lake(str(home / f"ours-{number}")))
        ours.append(timed(partial(ingest.run, into)))
        peer.append(timed(partial(plain_loop, broker.bootstrap, topic, events, str(home / f"peer-{number}"))))
        print(f"round {number + 1}: ingest {ours[-1]}, plain loop {peer[-1]}", flush=True)
    print(f"{events} events of about {EVENT_BYTES} bytes, medians of {rounds}, load {os.getloadavg()[0]:.1f}:")
    for name in ("wall", "cpu"):
        our_rate, peer_rate = (
            events / statistics.median(getattr(took, name) for took in each) / 1000 for each in (ours, peer)
        )
        print(
            f"{name}: ingest {our_rate:.0f}, plain loop {peer_rate:.0f} thousand events/s, {our_rate / peer_rate:.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    config = Settings().config()
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        link_jars(home / "kafka")
        broker = Broker(Settings(home=home / "kafka", kafka_port=free_port(2)))
        broker.start()
        try:
            measure(broker, config, arguments.events, arguments.rounds, home)
        finally:
            broker.stop()


if __name__ == "__main__":
    main()
