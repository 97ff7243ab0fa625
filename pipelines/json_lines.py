"""Files of one JSON object per line, as people hand them to a command.

In: a file. Out: its lines, each the record it holds or a `BadLine` with what is wrong, without what it says. Empty
lines count and give nothing. Holds one line in memory.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from schemas.errors import UsageError

_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"")
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What decoding a line raises; RecursionError is nesting without end."""

Record = TypeVar("Record")


class BadLine(msgspec.Struct, frozen=True):
    """In place of a result: the line, counted from 1, and what is wrong with it."""

    line: int
    error: str


@contextmanager
def usable_files() -> Iterator[None]:
    """Reading and writing them. Raises UsageError where one cannot be."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}: name a file that can be read or written") from None


def read_lines(source: Path, record: type[Record]) -> Iterator[tuple[int, Record | BadLine]]:
    """Number and record of each line that is not empty. Raises OSError."""
    decoder = msgspec.json.Decoder(record)
    with source.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                try:
                    yield number, decoder.decode(line)
                except _UNREADABLE as error:
                    yield number, bad_line(number, error)


def bad_line(number: int, error: Exception) -> BadLine:
    """A line that could not be read or worked on; what the message quotes of it is left out."""
    return BadLine(number, _QUOTED.sub("'…'", str(error)) or type(error).__name__)
