"""What a known beginning of a prompt saves: prompts with a common one and prompts as long with none, of one server.

Both take turns within a round: people who ask again when answered, then as many requests a second for both, which is a
share of what the server can answer where nothing is common.

    python tests/bench/bench_prefixes.py --model DIR [--rounds 8] [--concurrency 1 8 32] [--share 0.7] [--seconds 15]
"""

import argparse
import random
import statistics
from collections import defaultdict
from pathlib import Path

from tokenizers import Tokenizer

from tests.bench.bench_engines import PROMPT_TOKENS, Prompts
from tests.bench.intervals import ratio
from tests.bench.serving.load import Load, closed_loop, open_loop
from tests.bench.serving.servers import feedwheel

COMMON_TOKENS = 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--share", type=float, default=0.7)
    parser.add_argument("--seconds", type=float, default=15)
    given = parser.parse_args()
    name, tokenizer = given.model.name, Tokenizer.from_file(str(given.model / "tokenizer.json"))
    kinds = {
        "common": Prompts(tokenizer, COMMON_TOKENS),
        "apart": Prompts(tokenizer, 0, COMMON_TOKENS + PROMPT_TOKENS),
    }
    loads = defaultdict[tuple[str, str], list[Load]](list)
    with feedwheel(given.model) as url:
        closed_loop(url, name, kinds["common"].take(8), 8)
        saturated = closed_loop(url, name, kinds["apart"].take(64), 32)
        per_s = given.share * len(saturated.asked) / max(one.ended for one in saturated.asked)
        ways = [f"{count} at a time" for count in given.concurrency] + [f"{per_s:.2f} requests/s"]
        for number in range(given.rounds):
            for way, concurrency in zip(ways, [*given.concurrency, None], strict=True):
                for kind in random.Random(f"{number} {way}").sample(list(kinds), 2):
                    closed_loop(url, name, kinds[kind].take(1), 1)  # its beginning is known, or not, as in a long run
                    if concurrency:
                        load = closed_loop(url, name, kinds[kind].take(2 * concurrency), concurrency)
                    else:
                        load = open_loop(url, name, kinds[kind].take(int(per_s * given.seconds)), per_s)
                    assert {one.status for one in load.asked} == {200}
                    loads[way, kind].append(load)
    for way in ways:
        common, apart = ([load.first_token_s() for load in loads[way, kind]] for kind in kinds)
        print(f"{way}: first token {statistics.median(common):.3f} and {statistics.median(apart):.3f} s, ", end="")
        faster = ratio(*([load.tokens_per_s for load in loads[way, kind]] for kind in kinds))
        print(f"ratio {ratio(common, apart)}; tokens/s {faster}")


if __name__ == "__main__":
    main()
