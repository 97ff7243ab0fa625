"""Data sets as files that trainers read: one JSON Lines file per set, in TRL's conversational formats.

sft and eval: {"prompt": messages, "completion": [message]}; kto: the same and "label". Beside them `example_id` and
`weight`; nothing that names a person.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from pipelines.context import Context
from pipelines.dataset.manifest import find_manifest, readable_examples_of


@dataclass(frozen=True, slots=True)
class ExportReport:
    """Files written, and rows by set."""

    dataset_id: str
    files: list[str]
    rows: dict[str, int]


def export(context: Context, app: str, dataset_id: str, folder: Path) -> ExportReport:
    """Write the sets of a data set to `folder` as SET.jsonl. Raises UsageError."""
    manifest = find_manifest(context.lake, app, dataset_id)
    folder.mkdir(parents=True, exist_ok=True)
    written = dict[str, int]()
    for set_name in sorted(manifest.sets):
        rows = readable_examples_of(context.lake, manifest.dataset_id, set_name).to_pylist()
        write_jsonl(folder / f"{set_name}.jsonl", map(training_row, rows))
        written[set_name] = len(rows)
    return ExportReport(manifest.dataset_id, [str(folder / f"{name}.jsonl") for name in written], written)


def training_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """An example in TRL's format: prompt and completion as messages, and `label` if it was liked or not."""
    example: dict[str, Any] = {
        "example_id": row["example_id"],
        "prompt": row["prompt"],
        "completion": [{"role": "assistant", "content": row["completion"]}],
        "weight": row["weight"],
    }
    return example if row["liked"] is None else {**example, "label": row["liked"]}


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write one JSON object per line; a reader sees the old file or the whole new one."""
    new = path.with_suffix(".new")
    with new.open("wb") as file:
        for row in rows:
            file.write(msgspec.json.encode(row) + b"\n")
    new.replace(path)
