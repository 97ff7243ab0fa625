"""Overload: whether goodput stays where it is as more comes than can be answered.

First people who ask without pause, to see what can be answered in a second; then an open stream of requests at shares
of that, up to four times as many. An answer counts as good if its first token came within the objective. Refusals (429)
are told apart from failures; `overloaded` is a stream that was let in and then refused.

    python tests/bench/bench_overload.py --model DIR [--shares 0.5 0.8 1 2 4] [--seconds 30] [--objective 2]
"""

import argparse
import os
from collections import Counter
from pathlib import Path

from tokenizers import Tokenizer

from pipelines.io.models import model_ref
from tests.bench.bench_engines import Prompts
from tests.bench.bench_serving import process
from tests.bench.serving.load import closed_loop, open_loop
from tests.bench.serving.servers import feedwheel
from tests.served import APP


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--shares", type=float, nargs="+", default=[0.5, 0.8, 1.0, 2.0, 4.0])
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--objective", type=float, default=2.0, help="seconds until the first token")
    given = parser.parse_args()
    prompts = Prompts(Tokenizer.from_file(str(given.model / "tokenizer.json")), 0)
    os.environ["FEEDWHEEL_SERVING_OBJECTIVE_FIRST_TOKEN_S"] = str(given.objective)  # for the process
    with feedwheel(given.model) as url:  # which refuses nobody
        closed_loop(url, given.model.name, prompts.take(8), 8, given.tokens)
        saturated = closed_loop(url, given.model.name, prompts.take(128), 64, given.tokens)
        most = saturated.tokens_per_s / given.tokens
        print(f"saturated: {most:.2f} answers/s", flush=True)
    with process(model_ref("overload", "1", given.model)) as (url, _, _):
        closed_loop(url, APP, prompts.take(8), 8, given.tokens)
        for share in given.shares:
            count = max(20, int(most * share * given.seconds))
            load = open_loop(url, APP, prompts.take(count), most * share, given.tokens)
            answered = [one for one in load.asked if one.first is not None]
            good = [one for one in answered if one.first_after <= given.objective]
            statuses = Counter(one.status for one in load.asked if one.first is None)
            last = max(one.ended for one in load.asked)
            half, most_wait = load.first_token_s(), load.first_token_s(0.99)
            print(
                f"{share:4.1f} times that: first token p50 {half:.2f} s, p99 {most_wait:.2f} s ({most_wait / half:.1f} "
                f"times); {len(answered) / last:.2f} answers/s, {len(good) / last:.2f} good; "
                f"refused and failed: {dict(statuses) or 'none'}",
                flush=True,
            )


if __name__ == "__main__":
    main()
