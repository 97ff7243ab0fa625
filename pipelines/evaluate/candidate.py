"""The candidate as it would be deployed: a model of its own, or an adapter that is served from the base model's graph.

In: a trained model. Out: its artefact, in the deployed precision, and how closely that answers as the unquantised
weights with the adapter merged into them do. Both are kept: made once per model, form and precision.
"""

import shutil
from pathlib import Path
from typing import Final

import msgspec
from feedwheel_capture.events import ModelRef

from pipelines import base_model
from pipelines.context import Context
from pipelines.evaluate.parity import Golden, Parity, Torch, compare
from pipelines.export import Precision, export
from pipelines.io.models import build_once, model_ref
from schemas.adapter import ADAPTER_BASE, ADAPTER_CONFIG, ADAPTER_WEIGHTS

_MERGED: Final = ".merged"
"""Half a gigabyte that is needed until the export is made."""


def candidate(context: Context, app: str, adapter: Path, golden: list[Golden]) -> tuple[ModelRef, Precision, Parity]:
    """The artefact of a model, beside its adapter, and its parity on golden examples. Raises InfrastructureError."""
    precision = base_model.precision_in_use(context)
    directory, form = adapter.parent, "adapter" if context.settings.adapters else "onnx"
    artefact, measured = directory / f"{form}-{precision}", directory / f"parity-{form}-{precision}.json"
    if not measured.exists():
        torch = Torch.merged(base_model.torch_dir(context), adapter)
        if context.settings.adapters:
            build_once(artefact, lambda unfinished: _name_base(context, adapter, unfinished))
        else:
            _export(torch, directory / _MERGED, artefact, precision)
        parity = compare(torch, artefact, precision, golden)
        new = measured.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(parity))
        new.replace(measured)
    parity = msgspec.json.decode(measured.read_bytes(), type=Parity)
    return model_ref(f"feedwheel-{app}", directory.name, artefact), precision, parity


def _name_base(context: Context, adapter: Path, artefact: Path) -> None:
    """An adapter, and which model it is one of."""
    for name in (ADAPTER_CONFIG, ADAPTER_WEIGHTS):
        shutil.copyfile(adapter / name, artefact / name)
    (artefact / ADAPTER_BASE).write_bytes(msgspec.json.encode(base_model.ensure(context)))


def _export(torch: Torch, merged: Path, artefact: Path, precision: Precision) -> None:
    shutil.rmtree(merged, ignore_errors=True)
    torch.save(merged)
    export(merged, artefact, precision)
    shutil.rmtree(merged)
