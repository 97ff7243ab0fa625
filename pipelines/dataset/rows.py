"""Examples as trainers read them: rows in TRL's conversational formats.

sft and eval: {"prompt": messages, "completion": [message]}; kto: the same and "label"; dpo: {"prompt", "chosen",
"rejected"}. Beside them `example_id` and `weight`; nothing that names a person.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa

from schemas.tables import TABLES

_MESSAGES: Final = TABLES["gold/datasets/examples"].schema.field("prompt").type
_KINDS: Final[Mapping[str, pa.DataType]] = {
    "example_id": pa.string(),
    "prompt": _MESSAGES,
    "completion": _MESSAGES,
    "chosen": _MESSAGES,
    "rejected": _MESSAGES,
    "weight": pa.float64(),
    "label": pa.bool_(),
}
ANSWERS: Final = ("completion", "chosen", "rejected")
"""Columns that hold an answer to the prompt."""

TrainingRow = Mapping[str, Any]


def training_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """An example in TRL's format: prompt and answers as messages, and `label` if it was liked or not."""
    asked = {"example_id": row["example_id"], "prompt": row["prompt"]}
    if row.get("rejected") is not None:
        return {
            **asked,
            "chosen": _answer(row["completion"]),
            "rejected": _answer(row["rejected"]),
            "weight": row["weight"],
        }
    example = {**asked, "completion": _answer(row["completion"]), "weight": row["weight"]}
    return example if row["liked"] is None else {**example, "label": row["liked"]}


def split_named(set_name: str) -> str:
    """What trainers call the side of a set."""
    return "test" if set_name == "eval" else "train"


def _answer(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def as_table(rows: Sequence[TrainingRow]) -> pa.Table:
    """Rows of one set as columns; all have the same."""
    schema = pa.schema([(name, _KINDS[name]) for name in rows[0]])
    return pa.Table.from_pylist(list(rows), schema=schema)


def write_jsonl(path: Path, rows: Iterable[TrainingRow]) -> None:
    """Write one JSON object per line; a reader sees the old file or the whole new one."""
    new = path.with_suffix(".new")
    with new.open("wb") as file:
        for row in rows:
            file.write(msgspec.json.encode(row) + b"\n")
    new.replace(path)
