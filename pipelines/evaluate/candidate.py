"""The candidate as it would be deployed: adapter merged into unquantised weights, exported in the deployed precision.

In: a trained model. Out: its artefact, and how closely that answers as the merged weights do. Both are kept: made once
per model and precision.
"""

import shutil
from pathlib import Path
from typing import Final

import msgspec
from feedwheel_capture.events import ModelRef

from feedback.labels import Message
from pipelines import base_model
from pipelines.context import Context
from pipelines.evaluate.parity import Parity, Torch, compare
from pipelines.export import Precision, export
from pipelines.io.models import model_ref

_MERGED: Final = ".merged"
"""Half a gigabyte that is needed until the export is compared with it."""


def candidate(
    context: Context, app: str, adapter: Path, golden: list[list[Message]]
) -> tuple[ModelRef, Precision, Parity]:
    """The artefact of a model, beside its adapter, and its parity on the golden prompts. Raises InfrastructureError."""
    precision = base_model.precision_in_use(context)
    directory = adapter.parent
    artefact, measured = directory / f"onnx-{precision}", directory / f"parity-{precision}.json"
    if not measured.exists():
        _export_and_measure(context, directory, artefact, precision, golden, measured)
    parity = msgspec.json.decode(measured.read_bytes(), type=Parity)
    return model_ref(f"feedwheel-{app}", directory.name, artefact), precision, parity


def _export_and_measure(
    context: Context,
    directory: Path,
    artefact: Path,
    precision: Precision,
    golden: list[list[Message]],
    measured: Path,
) -> None:
    merged = directory / _MERGED
    shutil.rmtree(merged, ignore_errors=True)
    torch = Torch.merged(base_model.torch_dir(context), directory / "adapter", merged)
    export(merged, artefact, precision)
    parity = compare(torch, artefact, precision, golden)
    new = measured.with_suffix(".new")
    new.write_bytes(msgspec.json.encode(parity))
    new.replace(measured)
    shutil.rmtree(merged)
