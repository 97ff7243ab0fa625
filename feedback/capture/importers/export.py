"""The files of an export: a folder, a zip or a single file, of which nothing is believed.

In: a path. Out: its JSON files by name, each as a stream. Nothing is ever extracted: members are read by their last
name, and an archive with a name that points elsewhere, a link, a password or an impossible ratio is refused unread.
"""

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
_ENCRYPTED: Final = 0x1


@dataclass(frozen=True, slots=True)
class Export:
    """The JSON files of an export, by their names without folders, in order of name."""

    path: Path
    files: Mapping[str, Callable[[], IO[bytes]]]
    is_single: bool = False

    @classmethod
    def of(cls, path: Path) -> "Export":
        """Look at what is there. Raises ExportRefused."""
        if path.is_dir():
            return cls(path, _folder(path))
        if not path.is_file():
            raise ExportRefused("not_found", str(path), "name a folder, a zip or a JSON file that exists")
        with path.open("rb") as file:
            is_zip = file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")
        if is_zip or path.suffix.lower() == ".zip":
            return cls(path, _archive(path))
        return cls(path, {path.name: lambda: path.open("rb")}, is_single=True)

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
        try:
            with self.files[name]() as stream:
                yield stream
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise ExportRefused("truncated", f"{self.path}: {name}", "download the export again") from error


def _stem(name: str) -> str:
    stem, _, number = PurePosixPath(name).stem.partition("-")
    return stem if number.isdigit() or not number else f"{stem}-{number}"


def _folder(path: Path) -> dict[str, Callable[[], IO[bytes]]]:
    found = [entry for entry in sorted(path.iterdir()) if entry.suffix.lower() in _SUFFIXES]
    for entry in found:
        if entry.is_symlink():
            raise ExportRefused("link", str(entry), "put the file itself there")
    return {entry.name: lambda entry=entry: entry.open("rb") for entry in found if entry.is_file()}  # type: ignore[misc]  # a default argument


def _archive(path: Path) -> dict[str, Callable[[], IO[bytes]]]:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise ExportRefused("truncated", str(path), "it is no whole zip: download the export again") from error
    members = [member for member in archive.infolist() if not member.is_dir()]
    for member in archive.infolist():
        _check_member(path, member)
    wanted = [member for member in members if member.filename.lower().endswith(_SUFFIXES)]
    _check_duplicates(path, members, wanted)
    _check_sizes(path, wanted)
    named = {PurePosixPath(member.filename).name: member for member in wanted}
    return {name: lambda member=named[name]: archive.open(member) for name in sorted(named)}  # type: ignore[misc]  # as above


def _check_member(path: Path, member: zipfile.ZipInfo) -> None:
    # orig_filename: what was written, before the library cut and turned it into what is harmless here.
    written = member.orig_filename.replace("\\", "/")
    name = PurePosixPath(written)
    if name.is_absolute() or ".." in name.parts or "\0" in written or ":" in written.split("/")[0]:
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
