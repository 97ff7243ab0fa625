"""Serving: answers per second to the simulated application's messages, at several concurrencies.

A process of the online form, events fsynced, Kafka down, is asked over HTTP from another process. Core seconds per
answer stay what they are when others use the machine; answers per second do not.

    python tests/bench/bench_serving.py [--precision int8 int4] [--concurrency 1 8 16 32] [--answers 200]
"""

import argparse
import asyncio
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
from feedwheel_capture.events import Baseline, ModelRef

from pipelines import base_model
from pipelines.context import Context
from pipelines.io.lake import Lake
from pipelines.settings import Settings
from pipelines.simulate.messages import SHIPPED, read_messages
from pipelines.stack.paths import REPOSITORY
from serving.settings import ServingSettings
from tests.bench.serving.servers import is_up
from tests.conftest import TEST_SECRETS
from tests.ports import free_port
from tests.served import APP, write_mirror

MAX_TOKENS = 12
"""The base model's answers end there; a trained one names a topic in 3 to 10 tokens."""
SYSTEM = (
    "You route messages of a bank's customers. Answer with the topic of the message in a few words and nothing else."
)


def base(precision: str) -> ModelRef:
    """The base model, built below the repository's own home if it is not there."""
    home = REPOSITORY / ".feedwheel"
    settings = Settings(home=home, config_path=REPOSITORY / "feedwheel.toml", precision=precision)
    return base_model.ensure(Context(settings, settings.config(), Lake(str(home / "lake"))))


@contextmanager
def process(model: ModelRef) -> Iterator[tuple[str, psutil.Process, float]]:
    """A serving process: its URL, itself, and the seconds until it was ready."""
    with tempfile.TemporaryDirectory() as home:
        settings = {"home": Path(home), "config_path": REPOSITORY / "feedwheel.toml", **TEST_SECRETS}
        write_mirror(ServingSettings(**settings), [Baseline(app=APP, model=model)])
        os.environ.setdefault("FEEDWHEEL_SERVING_OBJECTIVE_FIRST_TOKEN_S", "60")  # nobody is refused
        variables = {f"FEEDWHEEL_{name.upper()}": str(value) for name, value in settings.items()}
        port = free_port()
        variables["FEEDWHEEL_KAFKA_PORT"] = str(free_port())
        command = [sys.executable, "-m", "serving", "--port", str(port)]
        started = time.monotonic()
        with (Path(home) / "log").open("w") as log:
            running = psutil.Popen(command, env={**os.environ, **variables}, stderr=log, cwd=REPOSITORY)
        try:
            while not is_up(f"http://127.0.0.1:{port}/readyz"):
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}", running, time.monotonic() - started
        finally:
            running.terminate()
            running.wait()


async def ask_all(url: str, messages: list[str], concurrency: int) -> list[tuple[float, int]]:
    """Seconds and tokens of every answer."""
    places = asyncio.Semaphore(concurrency)

    async def ask(http: httpx.AsyncClient, number: int, message: str) -> tuple[float, int]:
        thread = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": message}]
        body = {"model": APP, "messages": thread, "max_tokens": MAX_TOKENS, "user": f"person-{number % 60}"}
        async with places:
            asked = time.monotonic()
            answer = (await http.post("/v1/chat/completions", json=body)).raise_for_status().json()
            return time.monotonic() - asked, answer["usage"]["completion_tokens"]

    async with httpx.AsyncClient(base_url=url, timeout=120) as http:
        return await asyncio.gather(*(ask(http, number, message) for number, message in enumerate(messages)))


def measure(url: str, running: psutil.Process, messages: list[str], concurrency: int) -> None:
    cores, started = sum(running.cpu_times()[:2]), time.monotonic()
    answers = asyncio.run(ask_all(url, messages, concurrency))
    seconds, cores = time.monotonic() - started, sum(running.cpu_times()[:2]) - cores
    times = sorted(time_s for time_s, _ in answers)
    tokens = statistics.mean(tokens for _, tokens in answers)
    print(
        f"  {concurrency:3} at a time: {len(answers) / seconds:5.1f} answers/s, {tokens:.1f} tokens each, "
        f"p50 {times[len(times) // 2] * 1000:.0f} ms, p95 {times[int(len(times) * 0.95)] * 1000:.0f} ms, "
        f"{cores / len(answers) * 1000:.0f} core ms each"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--precision", nargs="+", default=["int8"])
    parser.add_argument("--concurrency", nargs="+", type=int, default=[1, 8, 16, 32])
    parser.add_argument("--answers", type=int, default=200)
    given = parser.parse_args()
    messages = [message.text for message in read_messages(SHIPPED)]
    random.Random(1).shuffle(messages)
    for precision in given.precision:
        with process(base(precision)) as (url, running, start_s):
            print(f"{precision}: ready after {start_s:.1f} s, {running.memory_info().rss >> 20} MiB")
            for concurrency in given.concurrency:
                count = given.answers if concurrency > 1 else given.answers // 4
                measure(url, running, messages[:count], concurrency)
            print(f"  {running.memory_info().rss >> 20} MiB at the end")


if __name__ == "__main__":
    main()
