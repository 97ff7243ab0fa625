"""Texts and signatures on disk, read like a sequence and like an array: more of them than memory should hold.

In: batches. Out: what stands at a row. Lives as long as its unnamed temporary files.
"""

import os
from array import array
from collections.abc import Iterator, Sequence
from typing import IO, overload

import numpy as np

from feedback.minhash import PERMUTATIONS, Signatures


class SpilledTexts(Sequence[str]):
    """Normalised texts, one a line: they contain no line break."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._ends = array("Q", [0])

    def extend(self, texts: Sequence[str]) -> None:
        """Add texts behind the others."""
        encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
        self._file.write(b"\n".join([*encoded, b""]))
        for text in encoded:
            self._ends.append(self._ends[-1] + len(text) + 1)

    def __len__(self) -> int:
        """Return how many texts there are."""
        return len(self._ends) - 1

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> list[str]: ...
    def __getitem__(self, row: int | slice) -> str | list[str]:
        """Read one text, or those of a slice."""
        if isinstance(row, slice):
            return [self[place] for place in range(*row.indices(len(self)))]
        begin, end = self._ends[row], self._ends[row + 1] - 1
        return os.pread(self._file.fileno(), end - begin, begin).decode("utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[str]:
        """Read all in a row."""
        self._file.seek(0)
        for line in self._file:
            yield line[:-1].decode("utf-8", "surrogatepass")

    def flush(self) -> None:
        """Let what was added be read."""
        self._file.flush()


class SpilledSignatures:
    """Rows of Signatures."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def extend(self, signatures: Signatures) -> None:
        """Add rows behind the others."""
        self._file.write(signatures.tobytes())

    def mapped(self) -> Signatures:
        """All rows, mapped into memory as they are looked at."""
        self._file.flush()
        if not self._file.seek(0, os.SEEK_END):
            return np.empty((0, PERMUTATIONS), np.uint32)  # nothing cannot be mapped
        return np.asarray(np.memmap(self._file, np.uint32, "r")).reshape(-1, PERMUTATIONS)
