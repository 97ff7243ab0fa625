"""The files of an export: a folder, a zip or a single file, of which nothing is believed.

In: a path. Out: its JSON files by name, each as a stream. Nothing is ever extracted: members are read by their last
name, and an archive with a name that points elsewhere, a link, a password or an impossible ratio is refused unread.
"""

import functools
import re
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Final

from feedback.capture.importers.refusal import ExportRefused

MAX_TOTAL_BYTES: Final = 16 * 1024**3
"""Of the JSON of one export: the largest known are some 2 GiB."""
MAX_RATIO: Final = 200
"""Chats deflate to between a third and a tenth; deflate itself can reach 1032."""
_SMALL_BYTES: Final = 10 * 1024**2
"""Below this no ratio harms."""
_SUFFIXES: Final = (".json", ".jsonl", ".ndjson")
_COMPRESSIONS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DRIVE: Final = re.compile("[A-Za-z]:")
_ENCRYPTED: Final = 0x41
"""Flags of a member: the old encryption, and the strong one."""


@dataclass(frozen=True, slots=True)
class Export:
    """The JSON files of an export, by their names without folders, in order of name."""

    path: Path
    files: Mapping[str, Callable[[], IO[bytes]]]
    is_single: bool = False

    @classmethod
    def of(cls, path: Path) -> "Export":
        """Look at what is there. Raises ExportRefused."""
        with _read(str(path)):
            if path.is_dir():
                return cls(path, _folder(path))
            if not path.is_file():
                raise ExportRefused("not_found", str(path), "name a folder, a zip or a JSON file that exists")
            with path.open("rb") as file:
                is_zip = file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")
            if is_zip or path.suffix.lower() == ".zip":
                return cls(path, _archive(path))
            return cls(path, {path.name: functools.partial(_open_file, path)}, is_single=True)

    def named(self, stem: str) -> list[str]:
        """Files of one kind, which large exports number: conversations.json, conversations-000.json, ...

        A file named by itself is the conversations, whatever it is called.
        """
        if self.is_single:
            return list(self.files) if stem == "conversations" else []
        return [name for name in self.files if _stem(name) == stem]

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """One file as a stream. Raises ExportRefused, also while it is read."""
        with _read(self.where(name)), self.files[name]() as stream:
            yield stream

    def where(self, name: str) -> str:
        """What a message calls one file."""
        return str(self.path) if self.is_single else f"{self.path}: {name}"


@contextmanager
def _read(where: str) -> Iterator[None]:
    """Refuse what breaks while it is read. Raises ExportRefused."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ExportRefused("truncated", where, "it is no whole zip: download the export again") from error
    except NotImplementedError as error:  # of the library: patched data, a later version of zip
        raise ExportRefused("unsupported_compression", where, "unpack it and name the folder") from error
    except OSError as error:
        raise ExportRefused("unreadable", where, f"{error.strerror}: let this user read it") from error


def _stem(name: str) -> str:
    stem, _, number = PurePosixPath(name).stem.partition("-")
    return stem if number.isdigit() or not number else f"{stem}-{number}"


def _folder(path: Path) -> dict[str, Callable[[], IO[bytes]]]:
    found = [entry for entry in sorted(path.iterdir()) if entry.suffix.lower() in _SUFFIXES]
    for entry in found:
        if entry.is_symlink():
            raise ExportRefused("link", str(entry), "put the file itself there")
    return {entry.name: functools.partial(_open_file, entry) for entry in found if entry.is_file()}


def _open_file(path: Path) -> IO[bytes]:
    return path.open("rb")


def _archive(path: Path) -> dict[str, Callable[[], IO[bytes]]]:
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, ValueError) as error:  # offsets that point nowhere, names in no encoding
        raise zipfile.BadZipFile(str(error)) from error
    members = [member for member in archive.infolist() if not member.is_dir()]
    for member in archive.infolist():
        _check_member(path, member)
    wanted = [member for member in members if member.filename.lower().endswith(_SUFFIXES)]
    _check_duplicates(path, members, wanted)
    _check_sizes(path, wanted)
    named = {PurePosixPath(member.filename).name: member for member in wanted}
    return {name: functools.partial(_open_member, archive, named[name]) for name in sorted(named)}


def _open_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> IO[bytes]:
    try:
        return archive.open(member)
    except (OSError, ValueError) as error:  # as above
        raise zipfile.BadZipFile(str(error)) from error


def _check_member(path: Path, member: zipfile.ZipInfo) -> None:
    # orig_filename: what was written, before the library cut and turned it into what is harmless here.
    written = member.orig_filename.replace("\\", "/")
    name = PurePosixPath(written)
    if name.is_absolute() or ".." in name.parts or "\0" in written or _DRIVE.match(written):
        raise ExportRefused("unsafe_name", str(path), "a member points outside the archive: this is no export")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise ExportRefused("link", str(path), "a member is a link: this is no export")
    if member.flag_bits & _ENCRYPTED:
        raise ExportRefused("encrypted", str(path), "unpack it with its password and name the folder")


def _check_duplicates(path: Path, members: list[zipfile.ZipInfo], wanted: list[zipfile.ZipInfo]) -> None:
    whole = Counter(member.filename for member in members)
    last = Counter(PurePosixPath(member.filename).name for member in wanted)
    if any(count > 1 for count in (*whole.values(), *last.values())):
        raise ExportRefused("duplicate_member", str(path), "two members have one name: unpack it and name one folder")


def _check_sizes(path: Path, wanted: list[zipfile.ZipInfo]) -> None:
    """Declared sizes bind: the library reads no byte more than a member declares."""
    for member in wanted:
        if member.compress_type not in _COMPRESSIONS:
            raise ExportRefused("unsupported_compression", str(path), "unpack it and name the folder")
        if member.file_size > _SMALL_BYTES and member.file_size > MAX_RATIO * max(member.compress_size, 1):
            raise ExportRefused("zip_bomb", str(path), f"a member unpacks to more than {MAX_RATIO} times its size")
    if sum(member.file_size for member in wanted) > MAX_TOTAL_BYTES:
        raise ExportRefused("zip_bomb", str(path), f"it unpacks to more than {MAX_TOTAL_BYTES} bytes of JSON")
