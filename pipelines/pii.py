"""Find what is personal: texts, one JSON object per line, through the same search as curation.

In: a file of lines {"id", "text"}. Out: a file with one line for each of them, in order: its spans, or an error with
the line's number and what is wrong, without what it says. Offsets are Unicode code points, half-open. Holds one batch
of lines in memory.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from feedback.personal.spans import Find
from pipelines.json_lines import BadLine, read_lines, usable_files
from pipelines.personal import find_in

_BATCH_LINES: Final = 512
"""Enough for the model to work on whole batches, few enough to be seen moving."""
_BATCH_CHARS: Final = 1_000_000
"""Of the texts of a batch together; a line alone may be longer."""

Tell = Callable[[int], None]
"""Hears how many lines are done."""


class PersonalText(msgspec.Struct, frozen=True):
    """One text, and what it is called in the output."""

    id: str | int
    text: str


class PersonalSpans(msgspec.Struct, frozen=True):
    """What was found in the text `id`."""

    id: str | int
    spans: list[Find]


@dataclass(frozen=True, slots=True)
class PiiReport:
    """How many texts were searched, in how many something was found, finds by type, and which lines were no texts."""

    texts: int
    texts_with_finds: int
    finds: dict[str, int]
    bad_lines: list[int]


Line = tuple[int, PersonalText | BadLine]


def run(source: Path, target: Path, tell: Tell = lambda lines: None) -> PiiReport:
    """Search every line of `source` and write what was found to `target`. Raises UsageError."""
    finds, bad = Counter[str](), list[int]()
    texts, found, lines = 0, 0, 0
    with usable_files(), target.open("wb") as out:
        for batch in _batches(read_lines(source, PersonalText)):
            for result in _searched(batch):
                out.write(msgspec.json.encode(result) + b"\n")
                if isinstance(result, BadLine):
                    bad.append(result.line)
                else:
                    texts += 1
                    found += bool(result.spans)
                    finds.update(find.type for find in result.spans)
            lines += len(batch)
            tell(lines)
    return PiiReport(texts, found, dict(sorted(finds.items())), bad)


def _batches(lines: Iterable[Line]) -> Iterator[list[Line]]:
    batch, chars = list[Line](), 0
    for line in lines:
        batch.append(line)
        chars += len(line[1].text) if isinstance(line[1], PersonalText) else 0
        if len(batch) == _BATCH_LINES or chars >= _BATCH_CHARS:
            yield batch
            batch, chars = [], 0
    if batch:
        yield batch


def _searched(batch: Sequence[Line]) -> Iterator[PersonalSpans | BadLine]:
    found = iter(find_in([record.text for _, record in batch if isinstance(record, PersonalText)]))
    for _, record in batch:
        yield record if isinstance(record, BadLine) else PersonalSpans(record.id, next(found))
