"""Score: conversations a second on one core, and what twice the turns cost.

Conversations as `bench_detectors` puts them together, as lines of a file; what counts is all that `feedwheel score`
does once the weights are loaded: reading lines, detectors, encoder, features, trees, writing. Best of several rounds,
since whatever else runs can only slow one down. Seconds are of the processor, of all threads together.

    python -m tests.bench.bench_score [--conversations 300] [--rounds 5]
"""

import argparse
import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from pipelines.cli.output import DEFAULT_APP
from pipelines.score import run
from pipelines.settings import Settings
from tests.bench.bench_detectors import texts

ROLES = ("user", "assistant")


def line(number: int, turns: int) -> str:
    """One conversation, as `score` reads it."""
    messages = [{"role": ROLES[n % 2], "content": text} for n, text in enumerate(texts(number, turns))]
    return json.dumps({"conversation_id": str(number), "messages": messages}) + "\n"


def rate(conversations: int, turns: int, rounds: int) -> float:
    """Conversations a second, the best round."""
    config, best = Settings.load().config(), float("inf")
    with TemporaryDirectory() as folder:
        source, target = Path(folder, "in.jsonl"), Path(folder, "out.jsonl")
        source.write_text("".join(line(number, turns) for number in range(conversations)), encoding="utf-8")
        for _ in range(rounds):
            begin = time.process_time()
            run(config, DEFAULT_APP, source, target)
            best = min(best, time.process_time() - begin)
    return conversations / best


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--conversations", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    rate(10, 5, 1)  # loads the weights
    for turns in (5, 10, 20, 40):
        found = rate(arguments.conversations, turns, arguments.rounds)
        print(f"{turns:3} turns: {found:7.0f} conversations/s, {1e6 / found / turns:5.0f} us per turn", flush=True)


if __name__ == "__main__":
    main()
