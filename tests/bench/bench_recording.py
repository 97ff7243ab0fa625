"""What remembering every answer costs: output tokens/s with events, spool and fsync, and without.

Two processes of the same model take turns within a round: one of a deployment, whose Kafka is down, and one offline.

    python tests/bench/bench_recording.py --model DIR [--rounds 8] [--concurrency 8 32] [--tokens 64]
"""

import argparse
import random
from collections import defaultdict
from pathlib import Path

from tokenizers import Tokenizer

from pipelines.io.models import model_ref
from tests.bench.bench_engines import Prompts
from tests.bench.bench_serving import process
from tests.bench.intervals import ratio
from tests.bench.serving.load import closed_loop
from tests.bench.serving.servers import feedwheel
from tests.served import APP


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[8, 32])
    parser.add_argument("--tokens", type=int, default=64)
    given = parser.parse_args()
    prompts = Prompts(Tokenizer.from_file(str(given.model / "tokenizer.json")), 0)
    found = defaultdict[tuple[str, int], list[float]](list)
    with feedwheel(given.model) as offline, process(model_ref("recorded", "1", given.model)) as (online, _, _):
        urls = {"without": (offline, given.model.name), "with": (online, APP)}
        for url, model in urls.values():
            closed_loop(url, model, prompts.take(8), 8, given.tokens)
        for number in range(given.rounds):
            for concurrency in given.concurrency:
                asked = prompts.take(2 * concurrency)
                for name in random.Random(f"{number} {concurrency}").sample(list(urls), 2):
                    load = closed_loop(*urls[name], asked, concurrency, given.tokens)
                    found[name, concurrency].append(load.tokens_per_s)
    for concurrency in given.concurrency:
        recorded, plain = found["with", concurrency], found["without", concurrency]
        print(f"{concurrency} at a time: tokens/s with recording to without {ratio(recorded, plain)}")


if __name__ == "__main__":
    main()
