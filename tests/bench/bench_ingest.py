"""Ingest against what people would otherwise use: events a second from a full topic to the last commit.

Contestants read the same topic of stamped events, each round in turn, each drain into a table of its own, whose rows
are counted. Two drains of each process are timed: Spark compiles during its first. Start-up is reported apart.

    python tests/bench/bench_ingest.py [--events 1000000] [--rounds 3] [--only "feedwheel;loop"]
"""

import argparse
import json
import logging
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from deltalake import DeltaTable

from pipelines.settings import Settings
from tests.conftest import Broker, free_port, link_jars
from tests.topics import create_topic, generations, produce

PARTITIONS = 4
EVENT_BYTES = 700
QUIXSTREAMS = ("quixstreams==3.28.1", "deltalake==1.6.6", "pyarrow==25.0.0")
HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def values(count: int) -> Iterator[bytes]:
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


@dataclass(frozen=True)
class Contestant:
    """A script of tests/bench/ingest and its arguments after BOOTSTRAP TOPIC DIRECTORY, one list per process."""

    script: str
    processes: Sequence[Sequence[str]] = ((),)
    python: str = sys.executable


class Process:
    """One process of a contestant."""

    def __init__(self, contestant: Contestant, number: int, bootstrap: str, topic: str, directory: Path) -> None:
        self.log = (directory / f"{contestant.script}-{number}.log").open("w+")
        script = str(HERE / "ingest" / f"{contestant.script}.py")
        self.process = subprocess.Popen(
            [contestant.python, script, bootstrap, topic, str(directory), *contestant.processes[number]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    def expect(self, word: str) -> str:
        """The rest of the next line that begins with a word."""
        for line in self.process.stdout:
            if line.startswith(word):
                return line.removeprefix(word)
        self.log.seek(0)
        raise SystemExit(f"{self.log.name}: it ended without {word!r}\n{self.log.read()[-2000:]}")

    def go(self) -> None:
        print(file=self.process.stdin, flush=True)

    def end(self) -> None:
        self.process.stdin.close()
        self.process.wait(60)
        self.log.close()


def run_round(
    contestant: Contestant, bootstrap: str, topic: str, events: int, directory: Path
) -> tuple[float, list[float]]:
    """Seconds of start-up, and of each drain."""
    directory.mkdir()
    started = time.perf_counter()
    processes = [
        Process(contestant, number, bootstrap, topic, directory) for number in range(len(contestant.processes))
    ]
    for process in processes:
        process.expect("ready")
    start_up = time.perf_counter() - started
    drains = []
    for _ in range(2):
        started = time.perf_counter()
        for process in processes:
            process.go()
        tables = {json.loads(process.expect("report"))["table"] for process in processes}
        drains.append(time.perf_counter() - started)
        (table,) = tables
        rows = DeltaTable(table).to_pyarrow_dataset().count_rows()
        if rows != events:
            raise SystemExit(f"{contestant.script} stored {rows} rows of {events} events")
    for process in processes:
        process.end()
    shutil.rmtree(directory)
    return start_up, drains


def contestants(events: int, quix_python: str) -> dict[str, Contestant]:
    half = str(events // 2)
    return {
        "feedwheel": Contestant("ours"),
        "loop": Contestant("loop", [[str(events), "0", "1", "2", "3"]]),
        "loop, 2 processes": Contestant("loop", [[half, "0", "1"], [half, "2", "3"]]),
        "spark": Contestant("spark"),
        "quixstreams": Contestant("quix", [[str(events)]], quix_python),
    }


def quix_environment(home: Path) -> str:
    """An environment of its own: quixstreams holds confluent-kafka back."""
    uv = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(home / "quix")], check=True)
    python = str(home / "quix" / "bin" / "python")
    subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *QUIXSTREAMS], check=True)
    return python


def measure(bootstrap: str, events: int, rounds: int, only: Sequence[str], home: Path) -> None:
    quix = quix_environment(home) if not only or "quixstreams" in only else ""
    racing = {name: each for name, each in contestants(events, quix).items() if not only or name in only}
    topic = fill(bootstrap, events)
    start_ups, rates = defaultdict[str, list[float]](list), defaultdict[str, list[list[float]]](list)
    for number in range(rounds):
        for place, (name, contestant) in enumerate(racing.items()):
            start_up, drains = run_round(contestant, bootstrap, topic, events, home / f"race-{number}-{place}")
            start_ups[name].append(start_up)
            rates[name].append([events / seconds / 1000 for seconds in drains])
            took = ", ".join(f"{seconds:.1f}" for seconds in drains)
            print(f"round {number + 1}: {name}: ready after {start_up:.1f} s, drains {took} s", flush=True)
    print(f"{events} events of {EVENT_BYTES} bytes, medians of {rounds} rounds, load {os.getloadavg()[0]:.1f}")
    print(f"{'thousand events/s':20}{'start-up':>10}{'1st drain':>12}{'2nd drain':>12}{'feedwheel, 2nd to 2nd':>24}")
    ours = statistics.median(second for _, second in rates["feedwheel"])
    for name in racing:
        first, second = map(statistics.median, zip(*rates[name], strict=True))
        start_up = statistics.median(start_ups[name])
        print(f"{name:20}{start_up:8.1f} s{first:12.0f}{second:12.0f}{ours / second:24.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", type=lambda names: names.split(";"), default=(), help="names, separated by ;")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        link_jars(home / "kafka")
        broker = Broker(Settings(home=home / "kafka", kafka_port=free_port(2)))
        broker.start()
        try:
            measure(broker.bootstrap, arguments.events, arguments.rounds, arguments.only, home)
        finally:
            broker.stop()


if __name__ == "__main__":
    main()
