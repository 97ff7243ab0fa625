"""Hot swaps under load: whether any request is lost, and whether memory grows.

A process answers with one of two copies of a model; another asks it without pause, streams included. Every swap loads
and checks the other copy, puts it in force, and lets the one before the last go, by the code that a release uses.

    python tests/bench/bench_swaps.py --model DIR [--swaps 100] [--people 8]
"""

import argparse
import logging
import multiprocessing
import statistics
import tempfile
import time
from multiprocessing.synchronize import Event
from pathlib import Path

import httpx
import psutil
from feedwheel_capture.events import Baseline, ModelRef

from pipelines.io.models import model_ref
from serving.models import ModelPool
from tests.served import APP, deployed

Said = tuple[int, list[str]]


def ask(url: str, number: int, stop: Event, said: "multiprocessing.Queue[Said]") -> None:
    """One person: how many answers were whole, and what else came."""
    whole, problems = 0, list[str]()
    body = {"model": APP, "messages": [{"role": "user", "content": "Where is my card?"}], "max_tokens": 16}
    with httpx.Client(base_url=url, timeout=120) as http:
        while not stop.is_set():
            stream = (whole + number) % 2 == 0
            answer = http.post("/v1/chat/completions", json={**body, "stream": stream, "user": f"p{number}"})
            if answer.is_success and (not stream or answer.text.endswith("data: [DONE]\n\n")):
                whole += 1
            else:
                problems.append(answer.text[:200])
    said.put((whole, problems))


def keep_only(pool: ModelPool, ref: ModelRef) -> None:
    """As the supervisor does, until the others have answered and their memory is given back."""
    while len(pool.models) > 1 or pool._leaving or pool._gaps:
        pool.keep({ref})
        time.sleep(0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--swaps", type=int, default=100)
    parser.add_argument("--people", type=int, default=8)
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    refs = [model_ref("copy", version, given.model) for version in "ab"]
    spawn = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as home,
        deployed(Path(home), records=[Baseline(app=APP, model=refs[0])], serving_rows=16) as (url, service),
    ):
        assert service.deployment is not None
        supervisor, pool, process = service.deployment.supervisor, service.pool, psutil.Process()
        supervisor.close()  # from here on we swap, and nobody else
        stop, said = spawn.Event(), spawn.Queue()
        people = [spawn.Process(target=ask, args=(url, number, stop, said)) for number in range(given.people)]
        for person in people:
            person.start()
        took, memory = list[float](), list[int]()
        for number in range(1, given.swaps + 1):
            ref: ModelRef = refs[number % 2]
            started = time.monotonic()
            assert supervisor._load_champion(APP, ref), supervisor.faults
            took.append(time.monotonic() - started)
            keep_only(pool, ref)
            memory.append(process.memory_info().rss >> 20)
            if number % 10 == 0:
                print(f"{number} swaps, {memory[-1]} MiB", flush=True)
        stop.set()
        answers = [said.get(timeout=120) for _ in people]
        for person in people:
            person.join()
    whole = sum(count for count, _ in answers)
    problems = [problem for _, found in answers for problem in found]
    third = max(1, len(memory) // 3)
    print(
        f"{given.swaps} swaps, median {statistics.median(took):.1f} s; {whole} answers whole, {len(problems)} not; "
        f"memory {statistics.median(memory[:third]):.0f} MiB in the first third, "
        f"{statistics.median(memory[-third:]):.0f} in the last"
    )
    for problem in problems[:5]:
        print(" ", problem)


if __name__ == "__main__":
    main()
