"""What adapters cost: tokens per second of a batch of eight, and memory beside models of their own.

In: an exported model. Its adaptable form and adapters of random weights are made beside. The ways take turns, step by
step, so that a busy machine is busy for all of them. A merged model has the size of the plain one, which stands for it.

    python tests/bench/bench_adapters.py --model DIR [--rank 16] [--steps 60]
"""

import argparse
import json
import multiprocessing
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import safetensors.numpy

from pipelines.export.adaptable import make_adaptable
from schemas.adapter import LORA_A, adapter_widths
from serving.engine.adapters import NO_ADAPTER
from serving.engine.artifact import read_artifact
from serving.engine.session import Decoder

ROWS = 8
ADAPTERS = 4
LENGTH = 128
"""Tokens that every row holds."""


def loaded(directory: Path, rank: int) -> Decoder:
    artifact = read_artifact(directory)
    given = {"rows": ROWS, "context_tokens": 512, "adapters": ADAPTERS, "adapter_rank": rank}
    return Decoder(artifact, wish="cpu", threads=0, **given)


def with_adapters(directory: Path, rank: int) -> Decoder:
    decoder = loaded(directory, rank)
    draw = np.random.default_rng(1)
    widths = adapter_widths({put.name: put.shape for put in decoder._session.get_inputs()})
    config = json.dumps({"peft_type": "LORA", "r": rank, "lora_alpha": 2 * rank}).encode()
    for _ in range(ADAPTERS):
        tensors = {
            f"base_model.model.{name}.weight": draw.normal(
                0, 0.02, (rank, width) if name.endswith(LORA_A) else (width, rank)
            ).astype(np.float32)
            for name, width in widths.items()
        }
        decoder.adapters.add(config, safetensors.numpy.save(tensors))
    return decoder


def tokens_per_s(model: Path, adaptable: Path, rank: int, steps: int) -> None:
    plain, shared = loaded(model, rank), with_adapters(adaptable, rank)
    ways = {
        "plain graph": (plain, [NO_ADAPTER] * ROWS),
        "adaptable graph, no adapter": (shared, [NO_ADAPTER] * ROWS),
        "one adapter": (shared, [1] * ROWS),
        "four adapters": (shared, [0, 1, 2, 3] * 2),
    }
    tokens, lengths = np.arange(100, 100 + ROWS), np.full(ROWS, LENGTH)
    took: dict[str, list[float]] = {name: [] for name in ways}
    for step in range(steps + 1):
        for name, (decoder, slots) in ways.items():
            started = time.perf_counter()
            decoder.decode(tokens, lengths, np.array(slots))
            if step:  # the first binds
                took[name].append(time.perf_counter() - started)
    for name, seconds in took.items():
        best, middle = min(seconds), statistics.median(seconds)
        print(f"{name:28} {ROWS / middle:6.0f} tokens/s in the median step, {ROWS / best:6.0f} in the best")


def memory(kind: str, directory: Path, rank: int, said: "multiprocessing.Queue[tuple[str, int]]") -> None:
    """In a process of its own, which has nothing else in memory; `said`: bytes."""
    before = psutil.Process().memory_info().rss
    kept = (
        [with_adapters(directory, rank)]
        if kind == "adapters"
        else [loaded(directory, rank) for _ in range(ADAPTERS if kind == "merged" else 1)]
    )
    for decoder in kept:
        decoder.decode(np.arange(2), np.ones(2, np.int64), np.array([NO_ADAPTER] * 2))
    said.put((kind, psutil.Process().memory_info().rss - before))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--steps", type=int, default=60)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.model.absolute().parent) as folder:
        adaptable = make_adaptable(given.model, Path(folder) / "adaptable")
        spawn = multiprocessing.get_context("spawn")
        said = spawn.Queue()
        for kind, directory in (("one graph", given.model), ("adapters", adaptable), ("merged", given.model)):
            child = spawn.Process(target=memory, args=(kind, directory, given.rank, said))
            child.start()
            name, size = said.get()
            child.join()
            print(f"{name:28} {size / 2**20:6.0f} MiB")
        tokens_per_s(given.model, adaptable, given.rank, given.steps)


if __name__ == "__main__":
    main()
