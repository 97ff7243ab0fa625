"""Data sets as files that trainers read.

In: a data set. Out: a folder of one form: SET.jsonl, SET.parquet, or what `datasets.load_dataset(FOLDER, SET)` of
Hugging Face reads without a network (a README.md that names the files of each set and is the card, too). Rows are those
of `rows`, each checked against the model's chat template (`template`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import pyarrow.parquet as pq

from pipelines.context import Context
from pipelines.dataset.card import card_of
from pipelines.dataset.manifest import Manifest, find_manifest, readable_examples_of
from pipelines.dataset.markdown import markdown
from pipelines.dataset.rows import TrainingRow, as_table, split_named, training_row, write_jsonl
from pipelines.dataset.slices import UNTOLD
from pipelines.dataset.template import TemplateReport, check_template, without_control_tokens

FileForm = Literal["jsonl", "parquet", "datasets"]

_NO_CODE: Final = (UNTOLD, "und")
_SIZES: Final = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
"""Names of the hub for numbers of examples; above them one."""


@dataclass(frozen=True, slots=True)
class ExportReport:
    """Files written, rows by set, rows `left_out` by reason; `template` None if it was not checked."""

    dataset_id: str
    files: list[str]
    rows: dict[str, int]
    left_out: dict[str, int]
    template: TemplateReport | None


def export(
    context: Context, app: str, dataset_id: str, folder: Path, form: FileForm = "jsonl", *, check: bool = True
) -> ExportReport:
    """Write the sets of a data set to `folder`. Raises UsageError, CheckFailed if the model's template refuses it."""
    manifest = find_manifest(context.lake, app, dataset_id)
    sets, left_out, report = {name: _rows(context, manifest, name) for name in sorted(manifest.sets)}, {}, None
    if check:
        counts = {name: len(rows) for name, rows in sets.items()}
        sets = {name: without_control_tokens(context, rows) for name, rows in sets.items()}
        left_out["control_tokens"] = sum(counts.values()) - sum(map(len, sets.values()))
        report = check_template(context, [row for rows in sets.values() for row in rows])
    folder.mkdir(parents=True, exist_ok=True)
    written = [_WRITERS[form](folder, name, rows) for name, rows in sets.items() if rows]
    if form == "datasets":
        written.append(_write_readme(folder, manifest, sets))
    rows = {name: len(of) for name, of in sets.items()}
    return ExportReport(manifest.dataset_id, [str(path) for path in written], rows, left_out, report)


def _rows(context: Context, manifest: Manifest, name: str) -> list[TrainingRow]:
    rows = readable_examples_of(context.lake, manifest.dataset_id, name).to_pylist()
    return [training_row(row) for row in rows]


def _write_lines(folder: Path, name: str, rows: Sequence[TrainingRow]) -> Path:
    path = folder / f"{name}.jsonl"
    write_jsonl(path, rows)
    return path


def _write_columns(folder: Path, name: str, rows: Sequence[TrainingRow]) -> Path:
    path = folder / f"{name}.parquet"
    path.parent.mkdir(exist_ok=True)
    pq.write_table(as_table(rows), path)
    return path


def _write_split(folder: Path, name: str, rows: Sequence[TrainingRow]) -> Path:
    return _write_columns(folder, f"{name}/{split_named(name)}", rows)


_WRITERS: Final[Mapping[FileForm, Callable[[Path, str, Sequence[TrainingRow]], Path]]] = {
    "jsonl": _write_lines,
    "parquet": _write_columns,
    "datasets": _write_split,
}


def _write_readme(folder: Path, manifest: Manifest, sets: Mapping[str, Sequence[TrainingRow]]) -> Path:
    """The card, under the header by which the sets are found: every value of it is of a closed vocabulary."""
    path = folder / "README.md"
    header = [*_facts(manifest, sum(map(len, sets.values()))), "configs:"]
    for name in (name for name, rows in sets.items() if rows):
        split = split_named(name)
        header += [
            f"- config_name: {name}",
            "  data_files:",
            f"  - split: {split}",
            f"    path: {name}/{split}.parquet",
        ]
    path.write_text("\n".join(["---", *header, "---", "", markdown(card_of(manifest))]), encoding="utf-8")
    return path


def _facts(manifest: Manifest, examples: int) -> list[str]:
    languages: dict[str, Any] = manifest.composition.coverage["language"].counts if manifest.composition else {}
    codes = sorted(set(languages) - set(_NO_CODE))
    size = next((name for limit, name in _SIZES if examples < limit), "n>1M")
    named = ["language:", *(f"- {code}" for code in codes)] if codes else []
    return ["license: other", *named, "size_categories:", f"- {size}"]
