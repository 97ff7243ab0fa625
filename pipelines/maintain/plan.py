"""Which files of a table become one.

In: files in the order of their rows, with their sizes. Out: runs of small files, each small enough to be sorted in
memory. After that a table has at most two files for each bound that it fills, and three more, however many commits it
was written in: of any two neighbours together one measure exceeds its bound.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from pipelines.io.table_files import StoredFile

MIB: Final = 1 << 20
TARGET_BYTES: Final = 128 * MIB
"""As large as delta-rs and Spark make them by default: a thousand of them are 128 GB, and a listing of moments."""
DECODED_BYTES: Final = 256 * MIB
"""A merge holds its rows twice, once as read and once sorted: about as much memory as ingest takes."""
ROWS: Final = 1_000_000
"""Columns of few values are many times larger in memory than `DECODED_BYTES` says."""
FEWEST: Final = 4
"""Files of a merge that does not fill a bound: to write a large file again for a small one more would not pay, and a
run that writes its own record would never find nothing to do."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A file and its size once it is decoded, in bytes as Parquet counts them."""

    file: StoredFile
    decoded: int


@dataclass(frozen=True, slots=True)
class _Size:
    """Of one file or several."""

    stored: int = 0
    decoded: int = 0
    rows: int = 0

    def __add__(self, other: "_Size") -> "_Size":
        return _Size(self.stored + other.stored, self.decoded + other.decoded, self.rows + other.rows)

    @property
    def share(self) -> float:
        """Of the bound that it comes nearest to."""
        return max(self.stored / TARGET_BYTES, self.decoded / DECODED_BYTES, self.rows / ROWS)


def merges(files: Iterable[Measured]) -> Iterator[list[StoredFile]]:
    """Several small files each, neighbours together. A file of half a bound is large enough as it is."""
    pending, total = list[StoredFile](), _Size()
    for measured in files:
        size = _Size(measured.file.size, measured.decoded, measured.file.rows)
        if size.share >= 0.5:
            continue
        if (total + size).share > 1:
            if len(pending) > 1:
                yield pending
            pending, total = [], _Size()
        pending, total = [*pending, measured.file], total + size
    if len(pending) >= FEWEST:
        yield pending
