"""Archives, folders and files: those made to harm are refused with a reason, and nothing is unpacked."""

import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from feedback.capture.importers import export as export_module
from feedback.capture.importers.refusal import ExportRefused
from tests.exports import (
    chatgpt_conversation,
    chatgpt_files,
    imported,
    write_folder,
    write_zip,
)


def named_zip(path: Path, name: str, *, link: bool = False) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("conversations.json", "[]")
        member = zipfile.ZipInfo(name)
        if link:
            member.external_attr = 0o120777 << 16
        archive.writestr(member, "[]")
    return path


def flagged_zip(path: Path, flag: int) -> Path:
    data = bytearray(write_zip(path, {"conversations.json": []}).read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.index(signature) + offset
        struct.pack_into("<H", data, at, struct.unpack_from("<H", data, at)[0] | flag)
    path.write_bytes(data)
    return path


def later_zip(path: Path) -> Path:
    """Of a version of the format that no library knows yet."""
    data = bytearray(write_zip(path, {"conversations.json": []}).read_bytes())
    data[data.index(b"PK\x01\x02") + 6] = 99
    path.write_bytes(data)
    return path


def moved_zip(path: Path) -> Path:
    """Its end says that everything stands later than it does, so that its member begins before the file."""
    data = bytearray(write_zip(path, {"conversations.json": []}).read_bytes())
    at = data.index(b"PK\x05\x06") + 16
    struct.pack_into("<I", data, at, struct.unpack_from("<I", data, at)[0] + 1)
    path.write_bytes(data)
    return path


def cut(path: Path, share: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def broken_inside(path: Path) -> Path:
    """Its content is not what its checksum says."""
    data = bytearray(write_zip(path, {"conversations.json": [chatgpt_conversation()]}).read_bytes())
    data[data.index(b"PK\x01\x02") + 16] ^= 1
    path.write_bytes(data)
    return path


def duplicated(path: Path) -> Path:
    return write_zip(path, {"a/conversations.json": [], "b/conversations.json": []})


def text_file(path: Path, text: str | bytes) -> Path:
    path = path.with_suffix(".json")
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def linked_folder(path: Path) -> Path:
    folder = path.with_suffix("")
    folder.mkdir()
    (folder / "conversations.json").symlink_to("/etc/passwd")
    return folder


def lzma_zip(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("conversations.json", "[]")
    return path


HOSTILE: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "bomb": ("zip_bomb", lambda path: write_zip(path, {"conversations.json": b"[" + b" " * 20_000_000 + b"]"})),
    "parent": ("unsafe_name", lambda path: named_zip(path, "../../conversations.json")),
    "absolute": ("unsafe_name", lambda path: named_zip(path, "/etc/cron.d/x.json")),
    "backslash": ("unsafe_name", lambda path: named_zip(path, "..\\x.json")),
    "drive": ("unsafe_name", lambda path: named_zip(path, "C:\\x.json")),
    "link": ("link", lambda path: named_zip(path, "link.json", link=True)),
    "linked": ("link", linked_folder),
    "encrypted": ("encrypted", lambda path: flagged_zip(path, 0x1)),
    "strongly encrypted": ("encrypted", lambda path: flagged_zip(path, 0x40)),
    "patched": ("unsupported_compression", lambda path: flagged_zip(path, 0x20)),
    "later": ("unsupported_compression", later_zip),
    "moved": ("truncated", moved_zip),
    "duplicate": ("duplicate_member", duplicated),
    "cut zip": ("truncated", lambda path: cut(write_zip(path, chatgpt_files()), 0.6)),
    "broken zip": ("truncated", broken_inside),
    "no zip": ("truncated", lambda path: path.write_bytes(b"hello") and path),
    "lzma": ("unsupported_compression", lzma_zip),
    "cut json": ("truncated", lambda path: text_file(path, json.dumps([chatgpt_conversation()])[:-200])),
    "empty": ("truncated", lambda path: text_file(path, "")),
    "not json": ("not_json", lambda path: text_file(path, "<html></html>")),
    "binary": ("not_json", lambda path: text_file(path, b'["\xff\xfe"]')),
    "missing": ("not_found", lambda path: path),
    "other": ("not_an_export", lambda path: write_zip(path, {"photos.json": []})),
}


@pytest.mark.parametrize(("reason", "make"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_exports_are_refused_with_a_reason(reason: str, make: Callable[[Path], Path], tmp_path: Path) -> None:
    path = make(tmp_path / "export.zip")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ExportRefused) as refused:
        imported("chatgpt", path)
    assert refused.value.reason == reason
    assert str(tmp_path) in str(refused.value)
    assert sorted(tmp_path.rglob("*")) == before  # nothing was unpacked


def test_what_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(path: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    path = write_folder(tmp_path, chatgpt_files())
    monkeypatch.setattr(Path, "open", deny)
    with pytest.raises(ExportRefused, match=r"unreadable: Permission denied"):
        imported("chatgpt", path)


def test_names_of_files_that_people_sent_may_hold_a_colon(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "e.zip", chatgpt_files() | {"file-1-Notes 10:30.png": b"", "textdocs/note.json": {}})
    assert imported("chatgpt", path)[1].answers == 3


def test_the_total_of_an_archive_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_module, "MAX_TOTAL_BYTES", 1000)
    with pytest.raises(ExportRefused) as refused:
        imported("chatgpt", write_zip(tmp_path / "e.zip", chatgpt_files()))
    assert refused.value.reason == "zip_bomb"
