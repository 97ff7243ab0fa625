"""Write the schemas of the event records, JSON Schema and Avro, to schemas/published, for a person to review.

Refuses, exit 1, what would break readers or writers of any version that was published. What it writes anew it freezes
too: tests hold every later version against every frozen one.
"""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from feedwheel_capture.catalogue import EVENT_TYPES, SCHEMA_VERSION

from schemas.avro import AVRO_TYPES, avro_schema
from schemas.compatibility import avro_breaks, breaks
from schemas.events import json_schema

REPOSITORY = Path(__file__).resolve().parent.parent
PUBLISHED = REPOSITORY / "schemas" / "published" / f"v{SCHEMA_VERSION}"
FROZEN = REPOSITORY / "tests" / "contract" / "frozen"

Breaks = Callable[[Any, Any], list[str]]


def schemas() -> Iterator[tuple[str, Any, Breaks]]:
    """File name, schema, and what judges it."""
    for entry in EVENT_TYPES:
        yield f"{entry.name}.json", json_schema(entry), breaks
    for entry in AVRO_TYPES:
        yield f"{entry.name}.avsc", avro_schema(entry), avro_breaks


def revisions() -> list[Path]:
    """Folders of what was published of this major version, oldest first: v1, v1.1, v1.2, ..."""
    found = [FROZEN / f"v{SCHEMA_VERSION}", *FROZEN.glob(f"v{SCHEMA_VERSION}.*")]
    return sorted(found, key=lambda folder: int((folder.name.partition(".")[2]) or 0))


def problems(name: str, schema: Any, judge: Breaks) -> list[str]:
    """What would break, against every version."""
    frozen = [folder / name for folder in revisions() if (folder / name).exists()]
    return [
        f"{path.parent.name}/{name}: {problem}"
        for path in frozen
        for problem in judge(json.loads(path.read_text(encoding="utf-8")), schema)
    ]


def main() -> None:
    """Publish and freeze, or refuse."""
    if broken := [problem for found in schemas() for problem in problems(*found)]:
        advice = "Add an optional field instead, or begin a new major version (SCHEMA_VERSION)."
        sys.exit("\n".join(["Not written, because it would break what is published:", *broken, advice]))
    texts = {
        name: f"{json.dumps(schema, indent=2, sort_keys=name.endswith('.json'), ensure_ascii=False)}\n"
        for name, schema, _ in schemas()
    }
    for name, text in texts.items():
        (PUBLISHED / name).write_text(text, encoding="utf-8")
    newest = revisions()[-1]
    if any(not (newest / name).exists() or (newest / name).read_text("utf-8") != text for name, text in texts.items()):
        frozen = FROZEN / f"v{SCHEMA_VERSION}.{len(revisions())}"
        frozen.mkdir()
        for name in texts:
            shutil.copy(PUBLISHED / name, frozen)


if __name__ == "__main__":
    main()
