"""Serving beside others: output tokens/s and time to the first token, same model, same prompts, same machine, one run.

Engines take turns within a round, in another order each round; ratios are of rounds, with a bootstrap interval.
llama.cpp is measured if its server and a GGUF file are named. genai and transformers decode fixed batches without HTTP.

    python tests/bench/bench_engines.py --model DIR [--llama-server FILE --gguf FILE] [--torch DIR] [--genai DIR ...]
        [--rounds 8] [--concurrency 1 8 32] [--waves 3] [--system 256] [--prompt 128] [--json FILE]
"""

import argparse
import itertools
import json
import random
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from pipelines.simulate.messages import SHIPPED, read_messages
from pipelines.stack.paths import REPOSITORY
from tests.bench.intervals import ratio
from tests.bench.serving.load import closed_loop
from tests.bench.serving.servers import feedwheel, llama_cpp

PROMPT_TOKENS, OUTPUT_TOKENS, ROWS, THREADS = 128, 64, 32, 2
Run = Callable[[Sequence[str], int], tuple[float, float]]
"""From prompts and concurrency to tokens/s and median seconds to the first token."""


class Prompts:
    """Texts of about so many tokens of the model's, no two alike, behind a common beginning if there is one."""

    def __init__(self, tokenizer: Tokenizer, system_tokens: int, prompt_tokens: int = PROMPT_TOKENS) -> None:
        self.tokenizer = tokenizer
        self._prompt_tokens = prompt_tokens
        self._words = itertools.cycle(message.text for message in read_messages(SHIPPED))
        self._numbers = itertools.count()
        self._system = self._cut(" ".join(next(self._words) for _ in range(system_tokens // 8 + 8)), system_tokens)

    def take(self, count: int) -> list[str]:
        return [self._system + self._one() for _ in range(count)]

    def _one(self) -> str:
        text = f"{next(self._numbers)}: " + " ".join(next(self._words) for _ in range(self._prompt_tokens // 6))
        return self._cut(text, self._prompt_tokens)

    def _cut(self, text: str, tokens: int) -> str:
        ids = self.tokenizer.encode(text, add_special_tokens=False).ids[:tokens]
        assert len(ids) == tokens
        return self.tokenizer.decode(ids) if ids else ""


def served(url: str) -> Run:
    def run(prompts: Sequence[str], concurrency: int) -> tuple[float, float]:
        load = closed_loop(url, MODEL_NAME[url], prompts, concurrency, OUTPUT_TOKENS)
        assert all(one.tokens == OUTPUT_TOKENS for one in load.asked), {one.status for one in load.asked}
        return load.tokens_per_s, load.first_token_s()

    return run


MODEL_NAME: dict[str, str] = {}


def static(name: str, model_dir: Path, tokenizer: Tokenizer, stack: ExitStack) -> Run:
    command = [sys.executable, "-m", "tests.bench.serving.static", name, str(model_dir)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)
    stack.callback(process.kill)
    assert process.stdin is not None
    assert process.stdout is not None
    stdin, stdout = process.stdin, process.stdout
    while stdout.readline().strip() != "ready":
        assert process.poll() is None

    def run(prompts: Sequence[str], concurrency: int) -> tuple[float, float]:
        ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in prompts]
        length, firsts, total = min(map(len, ids)), list[float](), 0.0
        for start in range(0, len(ids), concurrency):
            wave = [one[:length] for one in ids[start : start + concurrency]]
            stdin.write(json.dumps({"prompts": wave, "tokens": OUTPUT_TOKENS}) + "\n")
            stdin.flush()
            first, last = json.loads(stdout.readline())
            firsts.append(first)
            total += last
        return len(ids) * OUTPUT_TOKENS / total, statistics.median(firsts)

    return run


def report(found: dict[tuple[str, int], list[tuple[float, float]]], concurrencies: Sequence[int]) -> None:
    names = list(dict.fromkeys(name for name, _ in found))
    for concurrency in concurrencies:
        ours = found["feedwheel", concurrency]
        print(f"concurrency {concurrency}")
        for name in names:
            theirs = found[name, concurrency]
            speed, first = (statistics.median(values) for values in zip(*theirs, strict=True))
            line = f"  {name:12} {speed:6.0f} tokens/s, first token {first:6.3f} s"
            if name != "feedwheel":
                faster, sooner = (ratio([one[part] for one in ours], [one[part] for one in theirs]) for part in (0, 1))
                line += f"; feedwheel to it: tokens/s {faster}, first token {sooner}"
            print(line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--llama-server", type=Path)
    parser.add_argument("--gguf", type=Path)
    parser.add_argument("--torch", type=Path)
    parser.add_argument("--genai", type=Path, nargs="*", default=[], help="artefacts, each by its folder's name")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--waves", type=int, default=3, help="answers of each person in a round")
    parser.add_argument("--system", type=int, default=0, help="tokens of a common beginning")
    parser.add_argument("--prompt", type=int, default=PROMPT_TOKENS, help="tokens of each prompt's own")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    tokenizer = Tokenizer.from_file(str(given.model / "tokenizer.json"))
    prompts = Prompts(tokenizer, given.system, given.prompt)
    found = defaultdict[tuple[str, int], list[tuple[float, float]]](list)
    with ExitStack() as stack:
        engines: dict[str, Run] = {}

        def add(name: str, url: str, model: str) -> None:
            MODEL_NAME[url] = model
            engines[name] = served(url)

        add("feedwheel", stack.enter_context(feedwheel(given.model)), given.model.name)
        if given.llama_server:
            add("llama.cpp", stack.enter_context(llama_cpp(given.llama_server, given.gguf, ROWS, THREADS)), "any")
        for artefact in given.genai:
            engines[f"genai {artefact.name}"] = static("genai", artefact, tokenizer, stack)
        if given.torch:
            engines["transformers"] = static("transformers", given.torch, tokenizer, stack)
        for run in engines.values():
            run(prompts.take(2), 2)
        for number in range(given.rounds):
            for concurrency in given.concurrency:
                count = concurrency * given.waves * (2 if concurrency == 1 else 1)
                asked = prompts.take(count)
                for name in random.Random(f"{number} {concurrency}").sample(list(engines), len(engines)):
                    found[name, concurrency].append(engines[name](asked, concurrency))
                    time.sleep(0.5)  # whoever spins after its work stops
            print(f"round {number + 1} of {given.rounds}", file=sys.stderr, flush=True)
    report(found, given.concurrency)
    if given.json:
        rows: list[dict[str, Any]] = [
            {
                "engine": name,
                "concurrency": concurrency,
                "tokens_per_s": [a for a, _ in values],
                "first": [b for _, b in values],
            }
            for (name, concurrency), values in found.items()
        ]
        given.json.write_text(json.dumps(rows, indent=1), "utf-8")


if __name__ == "__main__":
    main()
