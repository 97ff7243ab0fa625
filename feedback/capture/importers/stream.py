"""JSON of any size as a stream of its parts: one in memory at a time, each bounded in bytes and in depth.

In: a stream of bytes holding an array of objects, one object, objects one after another, or an object one of whose keys
holds the array. Out: the objects, and a `Skipped` in place of each that breaks a bound. Raises ExportRefused where what
follows cannot be found: not JSON, cut off, or a single value beyond every bound.
"""

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from pathlib import PurePosixPath
from typing import IO, Any, Final

import msgspec
from ijson import IncompleteJSONError, JSONError
from ijson.backends import yajl2_c  # in C: the one written in Python takes many minutes for a gigabyte

from feedback.capture.importers.export import Export
from feedback.capture.importers.refusal import ExportRefused, RefusalReason, Skipped, SkipReason

MAX_PART_BYTES: Final = 64 * 1024**2
"""Of one conversation: a hundred long books. As objects of Python it takes a few times as much."""
MAX_PART_VALUES: Final = 2_000_000
"""Of one part: an empty object is two bytes of JSON and sixty-four in memory."""
MAX_LINE_BYTES: Final = 16 * 1024**2
"""Of one line, which is decoded as a whole: some hundred MiB if it is all empty objects."""
MAX_DEPTH: Final = 100
"""Of one part. Exports nest less than 20 deep."""
_CHUNK_BYTES: Final = 64 * 1024
_WRAPPERS: Final = frozenset({"conversations", "data", "traces", "spans"})
"""Keys under which an export may hold its parts when the outermost value is an object."""

Part = dict[str, Any] | Skipped
Event = tuple[str, Any]
"""Of the parser: its kind, and a key or scalar."""
Progress = Callable[[int], object]
"""Is told how many bytes of a file have been read."""


def parts(export: Export, names: Iterable[str], progress: Progress | None = None) -> Iterator[Part]:
    """The parts of some files of an export, one file after another. Raises ExportRefused."""
    for name in names:
        is_lines = PurePosixPath(name).suffix.lower() in (".jsonl", ".ndjson")
        with export.open(name) as file:
            stream = _Stream(file, export.where(name), progress)
            yield from _lines(stream) if is_lines else _values(stream, export.where(name))


class _Stream:
    """Counts what is read, and stops a value that would be gathered in memory beyond every bound."""

    def __init__(self, file: IO[bytes], where: str, progress: Progress | None) -> None:
        self._file, self._where, self._progress = file, where, progress
        self.read_bytes = 0
        self.complete_to = 0
        """How far complete values reach."""

    def read(self, size: int = -1) -> bytes:
        if self.read_bytes - self.complete_to > MAX_PART_BYTES:
            raise ExportRefused("too_large", self._where, f"one value is larger than {MAX_PART_BYTES} bytes")
        return self._count(self._file.read(size))

    def readline(self) -> bytes:
        return self._count(self._file.readline(_CHUNK_BYTES))

    def _count(self, data: bytes) -> bytes:
        self.read_bytes += len(data)
        if self._progress is not None:
            self._progress(self.read_bytes)
        return data


def _lines(stream: _Stream) -> Iterator[Part]:
    pieces, size = list[bytes](), 0
    while piece := stream.readline():
        size += len(piece)
        if size <= MAX_LINE_BYTES:
            pieces.append(piece)
        if piece.endswith(b"\n"):
            yield from _line(b"".join(pieces), size)
            pieces, size = [], 0
    yield from _line(b"".join(pieces), size)


def _line(line: bytes, size: int) -> Iterator[Part]:
    if size > MAX_LINE_BYTES:
        yield Skipped("too_large")
    elif line.strip():
        try:
            value = msgspec.json.decode(line)
        except RecursionError:
            yield Skipped("too_deep")
        except (msgspec.DecodeError, UnicodeDecodeError):
            yield Skipped("not_json")
        else:
            yield value if isinstance(value, dict) else Skipped("not_an_object")


def _plain(value: Any) -> Any:
    """A scalar as programs have it: a number with a fraction is a float."""
    return float(value) if isinstance(value, Decimal) else value


def _values(stream: _Stream, where: str) -> Iterator[Part]:
    try:
        yield from _whole(stream)
    except IncompleteJSONError as error:
        reason, action = _fault(error)
        raise ExportRefused(reason, where, action) from error
    except (JSONError, UnicodeDecodeError, OverflowError, ValueError) as error:
        raise ExportRefused("not_json", where, "name the file as it was exported") from error


def _fault(error: Exception) -> tuple[RefusalReason, str]:
    """The parser has one class for both; only its text tells them apart."""
    if any(words in str(error) for words in ("premature", "incomplete", "Incomplete")):
        return "truncated", "it ends too early: download the export again"
    return "not_json", "name the file as it was exported"


def _whole(stream: _Stream) -> Iterator[Part]:
    """The parts of everything that stands one after another outermost."""
    events = _events(stream)
    for event, _ in events:
        if event == "start_array":
            yield from _array(events, stream)
        elif event == "start_map":
            yield from _object(events, stream)
        else:
            yield Skipped("not_an_object")


def _events(stream: _Stream) -> Iterator[Event]:
    for event in yajl2_c.basic_parse(stream, buf_size=_CHUNK_BYTES, multiple_values=True):
        stream.complete_to = stream.read_bytes
        yield event


def _array(events: Iterator[Event], stream: _Stream) -> Iterator[Part]:
    """Each element, up to the end of the array that has just begun."""
    for event, _ in events:
        if event == "end_array":
            return
        if event not in ("start_map", "start_array"):
            yield Skipped("not_an_object")
            continue
        builder = _Builder(stream, event)
        for inner, value in events:
            if builder.take(inner, value):
                break
        yield builder.part


def _object(events: Iterator[Event], stream: _Stream) -> Iterator[Part]:
    """An outermost object: the parts under its key, or itself."""
    builder, is_wrapper = _Builder(stream, "start_map"), False
    for event, value in events:
        if event == "start_array" and builder.depth == 1 and builder.key in _WRAPPERS:
            is_wrapper = True
            yield from _array(events, stream)
        elif builder.take(event, value):
            break
    if not is_wrapper:
        yield builder.part


class _Builder:
    """Puts one part together, and forgets it once it breaks a bound."""

    def __init__(self, stream: _Stream, event: str) -> None:
        self._stream = stream
        self._began = stream.read_bytes
        self._reason: SkipReason | None = None
        self._whole: Any = {} if event == "start_map" else []
        self._open = [self._whole]
        self._keys = list[str]()
        self._values = 0
        self.depth = 1
        self.key = ""
        """The last key of the innermost object."""

    @property
    def part(self) -> Part:
        """What it has become."""
        if self._reason is not None:
            return Skipped(self._reason)
        return self._whole if isinstance(self._whole, dict) else Skipped("not_an_object")

    def take(self, event: str, value: Any) -> bool:
        """Add what the parser found; whether the part is at its end."""
        if event == "map_key":
            self.key = value
        elif event in ("end_map", "end_array"):
            self.depth -= 1
            if self._open:
                self._open.pop()
                self.key = self._keys.pop() if self._keys else ""
        else:
            self._add(event, value)
        return self.depth == 0

    def _add(self, event: str, value: Any) -> None:
        opens = event in ("start_map", "start_array")
        if self._open:
            made: Any = ({} if event == "start_map" else []) if opens else _plain(value)
            holder = self._open[-1]
            if isinstance(holder, dict):
                holder[self.key] = made
            else:
                holder.append(made)
            if opens:
                self._open.append(made)
                self._keys.append(self.key)
        self.depth += opens
        self._values += 1
        if self.depth > MAX_DEPTH:
            self._drop("too_deep")
        elif self._stream.read_bytes - self._began > MAX_PART_BYTES or self._values > MAX_PART_VALUES:
            self._drop("too_large")

    def _drop(self, reason: SkipReason) -> None:
        self._reason = self._reason or reason
        self._whole = None
        self._open.clear()
        self._keys.clear()
