"""Paraphrases: how many of the pairs that are joined say the same, and how many of those that do are joined.

    python -m tests.bench.bench_paraphrases --data FOLDER

FOLDER holds `sts_msr` (Microsoft Research paraphrase corpus: pairs of sentences of news that two people judged) and
`banking77` (messages of customers: of a pair that says the same, both have the same topic). `banking77` is among
the texts that the encoder was taught to place; nobody taught it what a paraphrase is.
"""

import argparse
import csv
import time
from itertools import pairwise
from pathlib import Path

from feedback.paraphrases import middles
from tests.bench.intervals import interval

THRESHOLDS = (0.9, 0.92, 0.94, 0.95, 0.96, 0.97)
SHIPPED = 0.95
"""As `paraphrase_cosine` of feedwheel.toml."""


def main() -> None:
    """Print both tables and the time that ten times the texts take."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    folder = parser.parse_args().data
    for split in ("val", "test"):
        _paraphrase_corpus(folder, split)
    messages = [(row["text"], row["category"]) for row in csv.DictReader((folder / "banking77/train.csv").open())]
    _messages(messages)
    _growth([text for text, _ in messages])


def _paraphrase_corpus(folder: Path, split: str) -> None:
    path = folder / f"sts_msr/data/para/msr/msr-para-{split}.tsv"
    pairs = [line.split("\t") for line in path.read_text(encoding="utf-8-sig").splitlines()[1:]]
    same = [quality == "1" for quality, *_ in pairs]
    print(f"\nsentences of news ({split}), {len(pairs)} pairs, {sum(same)} of them paraphrases")
    for threshold in THRESHOLDS:
        joined = [len(set(middles([(one,), (other,)], threshold).tolist())) == 1 for *_, one, other in pairs]
        right = sum(is_same for is_same, is_joined in zip(same, joined, strict=True) if is_joined)
        _print(threshold, right, sum(joined), f"recall {right / sum(same):.3f}")


def _messages(messages: list[tuple[str, str]]) -> None:
    print(f"\nmessages of customers, {len(messages)}: of those joined to another, the share with its topic")
    for threshold in THRESHOLDS:
        found = middles([(text,) for text, _ in messages], threshold).tolist()
        joined = [(row, middle) for row, middle in enumerate(found) if row != middle]
        right = sum(messages[row][1] == messages[middle][1] for row, middle in joined)
        _print(threshold, right, len(joined), f"{len(joined) / len(messages):.1%} of all")


def _growth(texts: list[str]) -> None:
    took = []
    for count in (len(texts) // 10, len(texts)):
        started = time.process_time()
        middles([(text,) for text in texts[:count]], SHIPPED)
        took.append(time.process_time() - started)
        print(f"{count} texts: {took[-1]:.2f} s of the processor, {count / took[-1]:,.0f} texts/s")
    print("ten times the texts took", *(f"{after / before:.1f} times as long" for before, after in pairwise(took)))


def _print(threshold: float, right: int, joined: int, more: str) -> None:
    print(f"  {threshold}: {interval(right, joined, 3)}; {more}")


if __name__ == "__main__":
    main()
