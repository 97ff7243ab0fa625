"""Dedup: which texts of a file are the same up to an edit, one JSON object per line.

In: a file of `Document` lines. Out: a file with one line for each of them, in order: its cluster and whether it is the
one to keep, or an error with the line's number and what is wrong, without what it says.

Kept is the text in the middle of a cluster, the one most of the others are near to; of several with the same words the
one with the smallest id. So which text is kept does not depend on the order of the lines. Texts and signatures wait on
disk: in memory is what a million of them need at once.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from feedback.minhash import sign
from feedback.near_duplicates import centres, cluster_name, comparable, fingerprints
from pipelines.io.spill import SpilledSignatures, SpilledTexts
from pipelines.json_lines import BadLine, read_lines, usable_files

_LINES_AT_ONCE: Final = 1_000
"""As many as are signed at once."""

Tell: TypeAlias = Callable[[str], None]


class Document(msgspec.Struct, frozen=True):
    """One line that is read."""

    id: str | int
    text: str


class Placed(msgspec.Struct, frozen=True):
    """One line that is written. Equal words give equal `cluster`, in every file; one line of each is `kept`."""

    id: str | int
    cluster: str
    kept: bool


@dataclass(frozen=True, slots=True)
class DedupReport:
    """How many lines were read and kept, how many were duplicates of those, and which were no documents."""

    documents: int
    kept: int
    duplicates: int
    bad_lines: list[int]


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read: `bad` lines by the number of documents before them, in order."""

    ids: list[str | int]
    bad: list[tuple[int, BadLine]]
    texts: SpilledTexts
    signatures: SpilledSignatures


def run(source: Path, target: Path, threshold: float, tell: Tell) -> DedupReport:
    """Place every line of `source` into `target`; `tell` hears how far it is. Raises UsageError."""
    with usable_files(), ExitStack() as files, target.open("wb") as out:
        texts, signatures = (files.enter_context(tempfile.TemporaryFile()) for _ in range(2))
        found = _Read([], [], SpilledTexts(texts), SpilledSignatures(signatures))
        _read(source, found, tell)
        tell(f"comparing {len(found.ids):,} documents")
        prints = fingerprints(found.texts)
        middle = centres(found.texts, prints, found.signatures.mapped(), threshold)
        kept = _kept(found.ids, prints, middle)
        for line in _lines(found, prints, middle, kept):
            out.write(msgspec.json.encode(line) + b"\n")
    count = len(found.ids)
    return DedupReport(count, len(kept), count - len(kept), [line.line for _, line in found.bad])


def _read(source: Path, found: _Read, tell: Tell) -> None:
    """Spill comparable texts and their signatures, batch by batch."""
    batch = list[str]()
    for _, line in read_lines(source, Document):
        if isinstance(line, BadLine):
            found.bad.append((len(found.ids), line))
            continue
        found.ids.append(line.id)
        batch.append(comparable(line.text))
        if len(batch) == _LINES_AT_ONCE:
            _spill(batch, found)
            batch.clear()
            tell(f"{len(found.ids):,} documents read")
    _spill(batch, found)
    found.texts.flush()


def _spill(batch: Sequence[str], found: _Read) -> None:
    found.texts.extend(batch)
    found.signatures.extend(sign(batch))


def _kept(ids: Sequence[str | int], prints: NDArray[np.uint64], middle: NDArray[np.int64]) -> Mapping[int, int]:
    """Row that is kept of each cluster, by the row of its middle: with the words of the middle, the smallest id."""
    kept = {row: row for row in np.unique(middle).tolist()}
    repeats = np.flatnonzero((prints == prints[middle]) & (middle != np.arange(len(ids))))
    for row, centre in zip(repeats.tolist(), middle[repeats].tolist(), strict=True):
        kept[centre] = min(kept[centre], row, key=lambda place: (str(ids[place]), place))
    return kept


def _lines(
    found: _Read, prints: NDArray[np.uint64], middle: NDArray[np.int64], kept: Mapping[int, int]
) -> Iterator[Placed | BadLine]:
    """What is written, in the order of what was read."""
    bad = iter([*found.bad, (len(found.ids) + 1, None)])
    before, broken = next(bad)
    for row, centre in enumerate(middle.tolist()):
        while before == row and broken:
            yield broken
            before, broken = next(bad)
        yield Placed(found.ids[row], cluster_name(int(prints[centre])), kept[centre] == row)
    while broken:
        yield broken
        before, broken = next(bad)
