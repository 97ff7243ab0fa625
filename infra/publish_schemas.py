"""Write the JSON Schemas of the event records to schemas/published, for a person to review the difference."""

import json
from pathlib import Path

from feedwheel_capture.catalogue import EVENT_TYPES, SCHEMA_VERSION

from schemas.events import json_schema

FOLDER = Path(__file__).resolve().parent.parent / "schemas" / "published" / f"v{SCHEMA_VERSION}"

for entry in EVENT_TYPES:
    text = json.dumps(json_schema(entry), indent=2, sort_keys=True, ensure_ascii=False)
    (FOLDER / f"{entry.name}.json").write_text(f"{text}\n", encoding="utf-8")
