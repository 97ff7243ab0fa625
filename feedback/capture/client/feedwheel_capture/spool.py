"""The spool: a bounded, durable, local queue of records on their way to Kafka.

In: records; `append` returns once they are on disk. Out: the same records in order, until they are acknowledged.
Survives SIGKILL at any point: a torn tail is cut off, everything that `append` returned for is still there (I7). Who
cannot wait for a disk uses `write`: what it has returned for survives the process, and the machine after the next
`sync`. Reading waits for neither: a disk that is being forced to write holds up who writes to it, and what is published
soon needs no disk. What is acknowledged goes with its segment, at once where the segment holds nothing else
and has come to its end; `roll` ends it, so that no text rests here for long after it was delivered.

On disk: segments named by the sequence number of their first record, and `acknowledged`, the next number to publish.
A record is a length, a CRC-32 and the body (topic, key, value). An older `acknowledged` repeats records, never drops
any; repeats carry the same event id and are removed downstream. After the loss of a machine it may be ahead of the
segments: what they lack was published, and numbering goes on behind it.
"""

import fcntl
import os
import struct
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Final, Self

import msgspec

from feedwheel_capture.errors import SpoolCorrupt, SpoolFull, SpoolInUse

_HEADER: Final = struct.Struct("<II")  # body length, CRC-32 of the body
_SEGMENT_BYTES: Final = 16 * 1024 * 1024
"""Space comes back in whole segments, so a segment is small against the bound; each costs one file open to read."""
DEFAULT_MAX_BYTES: Final = 1024 * 1024 * 1024
"""An hour without Kafka at 400 events/s of 700 bytes."""


class Record(msgspec.Struct, frozen=True, array_like=True):
    """What goes to Kafka."""

    topic: str
    key: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place between two records: the sequence number of the next one and where it starts."""

    sequence: int
    segment: int
    offset: int


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Record)


class Spool:
    """One writer process, any number of appending threads, one publishing thread."""

    def __init__(
        self, directory: Path, max_bytes: int = DEFAULT_MAX_BYTES, segment_bytes: int = _SEGMENT_BYTES
    ) -> None:
        """Open or recover the spool of a directory. Raises SpoolInUse, SpoolCorrupt."""
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._max_bytes = max_bytes
        self._segment_bytes = segment_bytes
        self._lock = threading.Lock()
        self._sync_lock = threading.Lock()
        self._appended = threading.Condition(self._lock)
        self._owner = _own(directory)
        self._mark = _AcknowledgedFile(directory / "acknowledged")
        self._retired: list[int] = []
        self._segments = sorted(int(path.stem) for path in directory.glob("*.log"))
        acknowledged = self._mark.read()
        self._next_sequence = self._recovered()
        if self._next_sequence < acknowledged or not self._segments:
            self._next_sequence = acknowledged
            self._segments.append(acknowledged)
        self._durable_sequence = self._next_sequence
        self._open_segment(self._segments[-1])
        _sync_directory(directory)
        self._bytes = sum(self._path(segment).stat().st_size for segment in self._segments)
        self._acknowledged = self._locate(acknowledged)
        if not self.depth:
            self.roll()

    def append(self, *records: Record) -> None:
        """Store records, all or none, and return once they are on disk. Raises SpoolFull."""
        self._sync(self.write(*records))

    def write(self, *records: Record) -> int:
        """Hand records, all or none, to the operating system; the sequence number of the last. Raises SpoolFull."""
        frames = b"".join(map(_frame, records))
        with self._appended:
            if self._bytes + len(frames) > self._max_bytes:
                raise SpoolFull(f"the spool is full: {self._directory} holds {self._bytes} bytes of {self._max_bytes}")
            self._put(frames)
            self._next_sequence += len(records)
            self._appended.notify_all()
            return self._next_sequence - 1

    def sync(self) -> None:
        """Bring everything that was written to the disk. Raises SpoolFull if the disk refuses."""
        self._sync(self._next_sequence - 1)

    def read(self, cursor: Cursor, max_records: int) -> tuple[list[Record], Cursor]:
        """Up to `max_records` records from `cursor` on, and the cursor behind them. Raises SpoolCorrupt."""
        written = self._next_sequence
        records: list[Record] = []
        while len(records) < max_records and cursor.sequence < written:
            cursor = self._enter_next_segment(cursor)
            wanted = min(max_records - len(records), written - cursor.sequence)
            start = len(records)
            for body, end in islice(_frames(self._path(cursor.segment), cursor.offset), wanted):
                records.append(_DECODER.decode(body))
                cursor = Cursor(cursor.sequence + 1, cursor.segment, end)
            if len(records) == start:
                raise SpoolCorrupt(
                    f"{self._path(cursor.segment)} was altered at byte {cursor.offset}: keep it, move it away"
                )
        return records, cursor

    def wait(self, cursor: Cursor, timeout_s: float) -> bool:
        """Wait until a record is written at `cursor`; False if there is none after `timeout_s`."""
        with self._appended:
            return self._appended.wait_for(lambda: cursor.sequence < self._next_sequence, timeout_s)

    def roll(self) -> None:
        """Begin a new segment, if the last one holds anything, so that the last one goes once it is acknowledged.

        By the thread that acknowledges; those that append wait for no disk, those that wait for theirs do here.
        """
        with self._sync_lock:
            with self._lock:
                first, ended = self._next_sequence, self._file if self._offset else None
                if ended is not None:
                    self._open_segment(first)
            if ended is not None:
                os.fsync(ended)
                os.close(ended)
                _sync_directory(self._directory)
                self._durable_sequence = max(self._durable_sequence, first)
        self.acknowledge(self._acknowledged)

    def acknowledge(self, cursor: Cursor) -> None:
        """Forget everything before `cursor`. One thread at a time; those that append do not wait for it."""
        cursor = self._enter_next_segment(cursor)
        self._mark.write(cursor.sequence)
        with self._lock:
            self._acknowledged = cursor
            done = [segment for segment in self._segments if segment < cursor.segment]
            self._segments = self._segments[len(done) :]
        for segment in done:
            path = self._path(segment)
            size = path.stat().st_size
            path.unlink()
            with self._lock:
                self._bytes -= size

    @property
    def acknowledged(self) -> Cursor:
        """Where publishing goes on."""
        return self._acknowledged

    @property
    def depth(self) -> int:
        """Records that are not acknowledged."""
        return self._next_sequence - self._acknowledged.sequence

    @property
    def fill(self) -> float:
        """Share of the bound in use, 0 to 1."""
        return self._bytes / self._max_bytes

    def close(self) -> None:
        """Release the directory; what is stored stays, what is acknowledged goes if nothing else is left."""
        if not self.depth:
            self.roll()
        with self._sync_lock, self._lock:
            os.fsync(self._file)
            os.close(self._file)
            self._mark.close()
            os.close(self._owner)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    def _path(self, segment: int) -> Path:
        return self._directory / f"{segment:020d}.log"

    def _recovered(self) -> int:
        """The next sequence number by the segments alone; a torn tail is cut off."""
        return self._segments[-1] + _cut_torn_tail(self._path(self._segments[-1])) if self._segments else 0

    def _enter_next_segment(self, cursor: Cursor) -> Cursor:
        """The cursor, moved to the start of the next segment if it stands at the end of its own."""
        if cursor.segment != cursor.sequence and self._path(cursor.sequence).exists():
            return Cursor(cursor.sequence, cursor.sequence, 0)
        return cursor

    def _put(self, frame: bytes) -> None:
        if self._offset and self._offset + len(frame) > self._segment_bytes:
            self._start_segment()
        try:
            written = os.write(self._file, frame)
            if written < len(frame):
                raise OSError(f"only {written} of {len(frame)} bytes were written")
        except OSError as error:
            os.ftruncate(self._file, self._offset)
            raise SpoolFull(f"{self._directory}: {error}") from error
        self._offset += len(frame)
        self._bytes += len(frame)

    def _start_segment(self) -> None:
        os.fsync(self._file)
        # Not closed at once: another thread may be about to fsync it.
        self._retired.append(self._file)
        self._open_segment(self._next_sequence)
        _sync_directory(self._directory)

    def _open_segment(self, segment: int) -> None:
        self._file = os.open(self._path(segment), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._offset = os.fstat(self._file).st_size
        if segment not in self._segments:
            self._segments.append(segment)

    def _sync(self, sequence: int) -> None:
        """Make everything up to `sequence` durable; threads that wait here are served by one fsync."""
        with self._sync_lock:
            if sequence < self._durable_sequence:
                return
            with self._lock:
                written, file = self._next_sequence, self._file
                retired, self._retired = self._retired, []
            try:
                os.fsync(file)
            except OSError as error:
                raise SpoolFull(f"{self._directory}: {error}") from error
            for old in retired:
                os.close(old)
            self._durable_sequence = written

    def _locate(self, sequence: int) -> Cursor:
        segment = max((segment for segment in self._segments if segment <= sequence), default=self._segments[0])
        cursor = Cursor(segment, segment, 0)
        for _, end in _frames(self._path(segment), 0):
            if cursor.sequence >= sequence:
                break
            cursor = Cursor(cursor.sequence + 1, segment, end)
        return cursor


def _frame(record: Record) -> bytes:
    body = _ENCODER.encode(record)
    return _HEADER.pack(len(body), zlib.crc32(body)) + body


def claim(root: Path, max_bytes: int = DEFAULT_MAX_BYTES) -> Spool:
    """A spool below `root` that no process has. Raises SpoolCorrupt.

    Processes of one application share a root, and a restart goes on where the one before stopped.
    """
    for number in count():
        try:
            return Spool(root / f"{number:04d}", max_bytes)
        except SpoolInUse:
            continue
    raise AssertionError  # never reached: `count` does not end


def abandoned(root: Path) -> Iterator[Spool]:
    """Spools below `root` that hold records and that no process has, each owned by the caller until closed."""
    for directory in sorted(path.parent for path in root.glob("*/owner")):
        try:
            spool = Spool(directory)
        except SpoolInUse:
            continue
        if spool.depth:
            yield spool
        else:
            spool.close()


def _own(directory: Path) -> int:
    owner = os.open(directory / "owner", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(owner)
        raise SpoolInUse(f"{directory} belongs to a running process: give this one a directory of its own") from None
    return owner


class _AcknowledgedFile:
    """The number of the next record to publish, in place: as many digits every time, so that none is ever torn."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def read(self) -> int:
        return int(os.pread(self._file, 100, 0) or b"0")

    def write(self, sequence: int) -> None:
        os.pwrite(self._file, b"%020d\n" % sequence, 0)

    def close(self) -> None:
        os.close(self._file)


def _cut_torn_tail(path: Path) -> int:
    """Truncate a segment behind its last whole record; the number of whole records."""
    ends = [end for _, end in _frames(path, 0)]
    with path.open("r+b") as file:
        file.truncate(ends[-1] if ends else 0)
        os.fsync(file.fileno())
    return len(ends)


def _frames(path: Path, offset: int) -> Iterator[tuple[bytes, int]]:
    """Whole records of a segment from a byte offset on, each with the offset behind it, up to the first torn one."""
    with path.open("rb") as file:
        file.seek(offset)
        while len(header := file.read(_HEADER.size)) == _HEADER.size:
            length, checksum = _HEADER.unpack(header)
            body = file.read(length)
            if len(body) < length or zlib.crc32(body) != checksum:
                return
            offset += _HEADER.size + length
            yield body, offset


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
