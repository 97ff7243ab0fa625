"""What capture costs the application that records: seconds of the caller per 2 kB event, Kafka up or down.

    python tests/bench/bench_capture.py [--events 20000] [--rate 500]

`--rate`: events/s that the application records; the thread that publishes shares its interpreter. Between two events,
the same thread adds numbers for about as long as recording takes at the median: what of that takes longer, too, is the
machine's. That counts as much of the thread that publishes as recording would, so it is measured once more alone.
"""

import argparse
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from feedwheel_capture import Capture, CaptureSettings
from feedwheel_capture.access import KafkaAccess
from feedwheel_capture.identity import Identity
from numpy.typing import NDArray

from pipelines.settings import Settings
from pipelines.stack.kafka import kafka_service
from pipelines.stack.process import Background
from pipelines.stack.service import bring_up
from tests.conftest import link_jars
from tests.ports import free_port

QUESTION = "My card has not arrived yet, and it has been two weeks since I ordered it in your app. " * 4
ANSWER = "Cards usually arrive within five working days. If yours is late, we can send you a new one at no cost. " * 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--rate", type=float, default=500.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        link_jars(home)
        settings = Settings(home=home, kafka_port=free_port(2))
        print("no capture: adding takes", told(np.array([adding() for _ in paced(arguments.events, arguments.rate)])))
        bring_up(kafka_service(settings), home, threading.Event())
        try:
            for name, bootstrap in (("Kafka up", str(settings.kafka)), ("Kafka down", f"127.0.0.1:{free_port()}")):
                measure(name, bootstrap, home / name.replace(" ", "-"), arguments.events, arguments.rate)
        finally:
            Background(home, "kafka").stop()


def measure(name: str, bootstrap: str, spool: Path, events: int, rate: float) -> None:
    settings = CaptureSettings(
        app="bench", identity=Identity(("layer",), "key"), kafka=KafkaAccess(bootstrap), spool=spool, consent="content"
    )
    capture = Capture(settings=settings, raise_errors=True)
    messages = [{"role": "user", "content": QUESTION}]
    seconds, control = np.empty(events), np.empty(events)
    for number in paced(events, rate):
        started = time.perf_counter()
        capture.generation(messages, ANSWER, model="m", user=f"user-{number % 100}")
        seconds[number] = time.perf_counter() - started
        control[number] = adding()
    stats, flushed = capture.stats, capture.flush(20 if name == "Kafka up" else 0)
    print(f"{name}: {events} events of {len(QUESTION) + len(ANSWER)} characters at {rate:g}/s take", told(seconds))
    print(f"    adding takes {told(control)}")
    print(f"    recorded {stats.recorded}, errors {stats.errors}, all acknowledged: {flushed}")
    capture._outbox.close(0)


def paced(events: int, rate: float) -> Iterator[int]:
    """Numbers, each at its time, or at once if that is over."""
    begun = time.perf_counter()
    for number in range(events):
        time.sleep(max(0.0, begun + number / rate - time.perf_counter()))
        yield number


def adding() -> float:
    """Seconds of a computation of about 0.4 ms that waits for nothing."""
    started = time.perf_counter()
    sum(range(14_000))
    return time.perf_counter() - started


def told(seconds: NDArray[np.float64]) -> str:
    p50, p99, worst = np.quantile(seconds, [0.5, 0.99, 1.0]) * 1000
    return f"p50 {p50:.2f} ms, p99 {p99:.2f} ms, worst {worst:.1f} ms"


if __name__ == "__main__":
    main()
