"""Dedup: F1 on planted edits by kind, texts a second beside datasketch and rensa, and memory for a million.

    python -m tests.bench.bench_dedup [--data FOLDER] [--most 4000] [--texts 20000] [--large] [--rounds 3]

Quality: for each kind of edit half of the texts are originals with one edited copy each, the others stand by; a pair
counts if both are in one cluster; "apart" are only texts of which no two share half of their words. Without --data the
texts are the questions of the benchmarks that come with the package; FOLDER holds corpora as published, each in a
folder of its name: banking77, topical_chat, oasst_sample. Speed: seconds of the processor on one core, in one run, of
the same normalised shingles: signing and everything up to clusters here; MinHash, insertion and query of as many bands
there. --large: `feedwheel dedup` on a million generated messages.
"""

import argparse
import csv
import itertools
import json
import random
import resource
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from datasketch import MinHash, MinHashLSH
from rensa import RMinHash

from feedback.minhash import BANDS, PERMUTATIONS, sign
from feedback.near_duplicates import NEAR_DUPLICATE, clusters, comparable, shingles
from pipelines.curate.benchmarks import questions
from pipelines.dedup import run
from tests.bench.planting import EDITS

MIN_WORDS = 4
RESAMPLES = 200


def corpora(folder: Path | None) -> Iterator[tuple[str, list[str]]]:
    """Name and different texts of each corpus."""
    yield "benchmarks", questions(["arena_hard", "mt_bench"])
    if folder:
        with (folder / "banking77" / "train.csv").open(encoding="utf-8", newline="") as rows:
            yield "banking77", [row["text"] for row in csv.DictReader(rows)]
        talks = json.loads((folder / "topical_chat" / "valid_freq.json").read_text(encoding="utf-8"))
        yield "topical_chat", [turn["message"] for talk in talks.values() for turn in talk["content"]]
        with (folder / "oasst_sample" / "en_100_message.jsonl").open(encoding="utf-8") as lines:
            yield "oasst_sample", [json.loads(line)["text"] for line in lines]


def planted(texts: Sequence[str], kind: str, draw: random.Random) -> tuple[list[str], list[int]]:
    """Originals, a copy of each, and as many bystanders; and the group of each: its original, or itself."""
    half = len(texts) // 2
    copies = [EDITS[kind](text, draw) for text in texts[:half]]
    return [*texts[:half], *copies, *texts[half:]], [*range(half), *range(half), *range(half, len(texts))]


def judged(names: Sequence[str], groups: Sequence[int]) -> np.ndarray:
    """Pairs found rightly, found wrongly (half for each end) and missed, by group: [groups, 3]."""
    sizes, together = Counter(names), Counter(zip(groups, names, strict=True))
    found = np.zeros((max(groups) + 1, 3))
    for (group, name), count in together.items():
        found[group] += (count * (count - 1) / 2, count * (sizes[name] - count) / 2, 0)
    of_group = np.bincount(groups)
    found[:, 2] = of_group * (of_group - 1) / 2 - found[:, 0]
    return found


def f1(found: np.ndarray) -> float:
    """F1 of pairs."""
    right, wrong, missed = found.sum(axis=0)
    return float(2 * right / (2 * right + wrong + missed))


def apart(texts: Iterable[str]) -> Iterator[str]:
    """Texts that share less than half of their words with any before them: none is another up to an edit already."""
    before = list[frozenset[str]]()
    for text in texts:
        words = frozenset(comparable(text).split())
        if all(2 * len(words & other) < len(words | other) for other in before):
            before.append(words)
            yield text


def quality(name: str, texts: list[str], most: int, *, only_apart: bool) -> None:
    """Print F1 by kind of edit, each with the interval of resampled groups."""
    draw, chance = random.Random(7), np.random.default_rng(7)
    texts = [text for text in dict.fromkeys(texts) if len(text.split()) >= MIN_WORDS]
    texts = draw.sample(texts, len(texts))
    texts = list(itertools.islice(apart(texts) if only_apart else texts, most))
    means = []
    for kind in EDITS:
        given, groups = planted(texts, kind, draw)
        comparables = [comparable(text) for text in given]
        found = judged(clusters(comparables, sign(comparables), NEAR_DUPLICATE), groups)
        drawn = [f1(found[chance.integers(0, len(found), len(found))]) for _ in range(RESAMPLES)]
        low, high = np.quantile(drawn, [0.025, 0.975])
        means.append(f1(found))
        print(f"{name:19} {kind:28} n {len(texts) // 2:5} F1 {means[-1]:.3f} ({low:.3f} to {high:.3f})", flush=True)
    print(f"{name:19} {'macro':28} n {len(texts) // 2:5} F1 {np.mean(means):.3f}", flush=True)


def messages(count: int) -> Iterable[str]:
    """Messages of chat length, 100 to 200 characters, one in ten an edited copy of an earlier one."""
    draw = random.Random(11)
    words = sorted({word for question in questions(["arena_hard"]) for word in question.split() if len(word) < 15})
    kinds, earlier = list(EDITS), list[str]()
    for _ in range(count):
        if earlier and draw.random() < 0.1:
            yield EDITS[draw.choice(kinds)](draw.choice(earlier), draw)
            continue
        earlier.append(" ".join(draw.choices(words, k=draw.randint(16, 32)))[:200])
        yield earlier[-1]
        del earlier[:-1_000]


def seconds_here(texts: Sequence[str]) -> float:
    """Of the processor: normalised, signed, clustered."""
    begin = time.process_time()
    comparables = [comparable(text) for text in texts]
    clusters(comparables, sign(comparables), NEAR_DUPLICATE)
    return time.process_time() - begin


def seconds_of_datasketch(texts: Sequence[str]) -> float:
    """Of the processor: normalised, signed, inserted, asked for what is alike; nothing is compared exactly."""
    begin = time.process_time()
    index = MinHashLSH(num_perm=PERMUTATIONS, params=(BANDS, PERMUTATIONS // BANDS))
    signatures = []
    for row, text in enumerate(texts):
        signatures.append(MinHash(num_perm=PERMUTATIONS))
        signatures[row].update_batch([piece.encode() for piece in shingles(comparable(text))])
        index.insert(row, signatures[row], check_duplication=False)
    for signature in signatures:
        index.query(signature)
    return time.process_time() - begin


def seconds_of_signing(texts: Sequence[str]) -> tuple[float, float]:
    """Of the processor, from normalised texts to an array: here, and by rensa from the same shingles' hashes."""
    from feedback.minhash import _shingle_hashes

    begin = time.process_time()
    sign(texts)
    between = time.process_time()
    for start in range(0, len(texts), 1_000):
        hashes, starts = _shingle_hashes(texts[start : start + 1_000])
        offsets = np.append(starts, len(hashes)).astype(np.uint64)
        rows = RMinHash.digest_matrix_from_flat_token_hashes(hashes.astype(np.uint64), offsets, PERMUTATIONS, 1)
        np.array(rows.to_rows(), np.uint32)
    return between - begin, time.process_time() - between


def speed(count: int, rounds: int) -> None:
    """Print texts a second, the best of several rounds: whatever else runs can only slow one down."""
    texts = list(messages(count))
    few = texts[: count // 10]
    here = min(seconds_here(texts) for _ in range(rounds)) / len(texts)
    there = min(seconds_of_datasketch(few) for _ in range(rounds)) / len(few)
    print(f"here {1 / here:9,.0f} texts/s, datasketch {1 / there:7,.0f}: {there / here:.1f} times", flush=True)
    signing = [seconds_of_signing([comparable(text) for text in few]) for _ in range(rounds)]
    mine, rensa = (min(times) / len(few) * 1e6 for times in zip(*signing, strict=True))
    print(f"signatures as an array: here {mine:.1f} us a text, rensa {rensa:.1f}", flush=True)


def large(count: int) -> None:
    """Print time and memory of the command on so many messages."""
    with TemporaryDirectory() as folder:
        source = Path(folder, "in.jsonl")
        with source.open("w", encoding="utf-8") as out:
            for row, text in enumerate(messages(count)):
                out.write(json.dumps({"id": row, "text": text}) + "\n")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begin, wall = time.process_time(), time.monotonic()
        report = run(source, Path(folder, "out.jsonl"), NEAR_DUPLICATE, lambda _: None)
        used, waited = time.process_time() - begin, time.monotonic() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"{report}: {waited:.0f} s ({used:.0f} s of the processor), {peak / 1024:,.0f} MiB, {before / 1024:,.0f} before"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path)
    parser.add_argument("--most", type=int, default=4_000, help="texts of a corpus: half of them originals")
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--large", action="store_true")
    arguments = parser.parse_args()
    if arguments.large:
        large(1_000_000)
        return
    for name, texts in corpora(arguments.data):
        quality(name, texts, arguments.most, only_apart=False)
        quality(f"{name}, apart", texts, arguments.most, only_apart=True)
    speed(arguments.texts, arguments.rounds)


if __name__ == "__main__":
    main()
