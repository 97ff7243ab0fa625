"""The card of a data set as a file, in the form that the file's name asks for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipelines.dataset.card import Card, card_of
from pipelines.dataset.manifest import Manifest
from pipelines.dataset.markdown import markdown
from pipelines.dataset.page import page
from schemas.errors import UsageError

_FORMS: Final[Mapping[str, Callable[[Card], str]]] = {".md": markdown, ".html": page}


@dataclass(frozen=True, slots=True)
class CardReport:
    """The file, and whose card it is."""

    dataset_id: str
    file: str


def write_card(manifest: Manifest, path: Path) -> CardReport:
    """Write the card. Raises UsageError for another form or a folder that is not there."""
    if path.suffix not in _FORMS or not path.parent.is_dir():
        raise UsageError(f"--card {path}: name a file in a folder that is there, ending in {' or '.join(_FORMS)}")
    path.write_text(_FORMS[path.suffix](card_of(manifest)), encoding="utf-8")
    return CardReport(manifest.dataset_id, str(path))
