"""Write the JSON Schemas of the event records to schemas/published, for a person to review the difference.

Refuses, exit 1, what would break readers or writers of a published version.
"""

import json
import sys
from pathlib import Path

from feedwheel_capture.catalogue import EVENT_TYPES, SCHEMA_VERSION

from schemas.compatibility import breaks
from schemas.events import json_schema

FOLDER = Path(__file__).resolve().parent.parent / "schemas" / "published" / f"v{SCHEMA_VERSION}"

broken = []
for entry in EVENT_TYPES:
    path, schema = FOLDER / f"{entry.name}.json", json_schema(entry)
    published = json.loads(path.read_text(encoding="utf-8")) if path.exists() else schema
    if problems := breaks(published, schema):
        broken += [f"{entry.name}: {problem}" for problem in problems]
        continue
    path.write_text(f"{json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False)}\n", encoding="utf-8")
if broken:
    advice = "Add an optional field instead, or begin a new major version (SCHEMA_VERSION)."
    sys.exit("\n".join(["Not written, because it would break what is published:", *broken, advice]))
