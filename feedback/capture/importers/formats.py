"""The formats that can be imported, each with the function that reads it."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from feedwheel_capture.spool import Record

from feedback.capture.importers import chatgpt, claude, langfuse, openai, phoenix
from feedback.capture.importers.export import Export
from feedback.capture.importers.refusal import ExportRefused
from feedback.capture.importers.scribe import Format, Scribe
from feedback.capture.importers.stream import Progress

Read = Callable[[Export, Scribe, Progress | None], Iterator[Record]]

READERS: Final[Mapping[Format, Read]] = MappingProxyType(
    {
        "chatgpt": chatgpt.read,
        "claude": claude.read,
        "openai": openai.read,
        "langfuse": langfuse.read,
        "phoenix": phoenix.read,
    }
)
_CHATS: Final = ("chatgpt", "claude")


def read(export: Export, scribe: Scribe, progress: Progress | None = None) -> Iterator[Record]:
    """The events of an export in their order. Raises ExportRefused."""
    names = export.named("conversations") if scribe.format in _CHATS else list(export.files)
    if not names:
        expected = "conversations.json" if scribe.format in _CHATS else "a .json or .jsonl file"
        raise ExportRefused("not_an_export", str(export.path), f"{expected} is not in it")
    return READERS[scribe.format](export, scribe, progress)
