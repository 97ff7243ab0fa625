"""Public benchmarks whose questions never train: the files beside this one, and where they are from (README.md).

In: names from the section [curation] of the configuration. Out: questions, normalised, and the version of the files.
"""

import hashlib
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final

from feedback.near_duplicates import normalise
from schemas.config import Benchmark

_FOLDER: Final = Path(__file__).parent


def questions(names: Iterable[Benchmark]) -> list[str]:
    """Every question of the benchmarks of these names, normalised."""
    return [question for name in sorted(set(names)) for question in _questions(name)]


@cache
def _questions(name: Benchmark) -> tuple[str, ...]:
    lines = (_FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").rstrip("\n").split("\n")
    return tuple(normalise(json.loads(line)) for line in lines)


def version(names: Iterable[Benchmark]) -> str:
    """Names with a hash of what their files say, for the manifest of a data set; empty for none."""
    return " ".join(f"{name}@{_digest(name)}" for name in sorted(set(names)))


@cache
def _digest(name: Benchmark) -> str:
    return hashlib.sha256((_FOLDER / f"{name}.jsonl").read_bytes()).hexdigest()[:12]
