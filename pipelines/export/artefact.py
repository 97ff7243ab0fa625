"""The steps of an export.

In: a torch directory. Out: the directory that the onnxruntime-genai builder writes (model.onnx, genai_config.json,
tokenizer), whole or not there. An int8 graph is made from one in float32: 1. smooth it; 2. products in integers.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final, Literal

import numpy as np
import onnx
from numpy.typing import NDArray

from pipelines.export.integers import products_in_integers
from pipelines.export.smoothing import smooth
from pipelines.io.models import build_once
from schemas.errors import InfrastructureError

Precision = Literal["int4", "int8", "fp32", "fp16"]

_BUILDER: Final = "onnxruntime_genai.models.builder"
_GRAPH, _WEIGHTS = "model.onnx", "model.onnx.data"
_PRUNED: Final = ("prune_lm_head=true",)
"""Logits of the last position only: nothing else is read, and a fifth of the prefill is saved."""
_FUSED: Final = (*_PRUNED, "shared_embeddings=false", "fuse_mlp_gate_up=true")

_OPTIONS: Final[dict[Precision, tuple[str, ...]]] = {
    "int8": _FUSED,
    "int4": (*_FUSED, "block_size=32", "matmul_mixed_precision=last_matmul:int8,mixed_layers:int8"),
    "fp32": _PRUNED,
    "fp16": _PRUNED,
}
"""int4 in blocks of 32: of 128 they lose 11 points more of a finetuned model's right answers (docs/serving.md)."""
_CALIBRATION: Final = Path(__file__).with_name("calibration.txt")
"""Texts, a paragraph each, written for this: questions, answers, numbers, code, several languages."""
_TAIL_CHARS: Final = 2000
"""Of the builder's output, shown when it fails."""


def export(torch_dir: Path, out_dir: Path, precision: Precision) -> Path:
    """Export to `out_dir` unless it is there. fp16 runs on CUDA, the others on CPU. Raises InfrastructureError."""
    return build_once(out_dir, lambda unfinished: _export(torch_dir, unfinished, precision))


def _export(torch_dir: Path, out_dir: Path, precision: Precision) -> None:
    if precision != "int8":
        _build(torch_dir, out_dir, precision)
        return
    with tempfile.TemporaryDirectory(dir=out_dir.parent, prefix=".floats-") as temporary:
        floats = Path(temporary)
        _build(torch_dir, floats, precision)
        model = onnx.load(floats / _GRAPH)
        smooth(floats / _GRAPH, model, _calibration(floats))  # 1
        products_in_integers(model)  # 2
        onnx.save(model, out_dir / _GRAPH, save_as_external_data=True, location=_WEIGHTS)
        (out_dir / _WEIGHTS).chmod((out_dir / _GRAPH).stat().st_mode)  # it is written for its owner alone
        for other in floats.iterdir():
            if other.name not in (_GRAPH, _WEIGHTS):
                shutil.move(other, out_dir)


def _calibration(directory: Path) -> list[NDArray[np.int64]]:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    texts = _CALIBRATION.read_text("utf-8").split("\n\n")
    return [np.array(tokenizer.encode(text).ids, np.int64) for text in texts]


def _build(torch_dir: Path, out_dir: Path, precision: Precision) -> None:
    """The builder's graph for a precision; for int8 one in float32."""
    provider, kind = "cuda" if precision == "fp16" else "cpu", "fp32" if precision == "int8" else precision
    with tempfile.TemporaryDirectory(dir=out_dir.parent, prefix=".cache-") as cache:
        source: list[str | Path] = ["-i", torch_dir, "-o", out_dir, "-p", kind, "-e", provider, "-c", cache]
        # A process of its own: the builder prints, changes sys.path and holds every weight twice.
        done = subprocess.run(
            [sys.executable, "-m", _BUILDER, *source, "--extra_options", *_OPTIONS[precision]],
            # It writes the commit of any repository it is called in into the model; equal weights, equal digest.
            env={**os.environ, "GIT_DIR": os.devnull},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        raise InfrastructureError(
            f"export of {torch_dir} to {precision} failed: {(done.stdout + done.stderr)[-_TAIL_CHARS:].strip()}"
        )
