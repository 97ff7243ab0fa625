"""Export of a torch model directory to the ONNX artefact that serving runs.

In: a directory with unquantised weights, configuration and tokenizer. Out: the directory that the onnxruntime-genai
builder writes (model.onnx, genai_config.json, tokenizer), whole or not there.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final, Literal

from pipelines.io.models import build_once
from schemas.errors import InfrastructureError

Precision = Literal["int4", "int8", "fp32", "fp16"]

_BUILDER: Final = "onnxruntime_genai.models.builder"
_PRUNED: Final = ("prune_lm_head=true",)
"""Logits of the last position only: nothing else is read, and a fifth of the prefill is saved."""

_OPTIONS: Final[dict[Precision, tuple[str, ...]]] = {
    "int8": (*_PRUNED, "shared_embeddings=false", "block_size=64"),
    "int4": (
        *_PRUNED,
        "shared_embeddings=false",
        "block_size=128",
        "matmul_mixed_precision=last_matmul:int8,mixed_layers:int8",
        "fuse_mlp_gate_up=true",
    ),
    "fp32": _PRUNED,
    "fp16": _PRUNED,
}
"""int8 by exact answers of one finetuned model to 300 test messages of 20 topics: .813, float32 .823. int4 by speed, at
a perplexity of the base model below that of llama.cpp's Q4_0 (28.3 and 29.1; float32 24.4). With k_quant_mixed in
blocks of 32 that was 26.8, a prompt took a fifth longer; exact answers .793, where plain int4 had .757 at best."""
_TAIL_CHARS: Final = 2000
"""Of the builder's output, shown when it fails."""


def export(torch_dir: Path, out_dir: Path, precision: Precision) -> Path:
    """Export to `out_dir` unless it is there. fp16 runs on CUDA, the others on CPU. Raises InfrastructureError."""
    return build_once(out_dir, lambda unfinished: _run_builder(torch_dir, unfinished, precision))


def _run_builder(torch_dir: Path, out_dir: Path, precision: Precision) -> None:
    provider = "cuda" if precision == "fp16" else "cpu"
    with tempfile.TemporaryDirectory(dir=out_dir.parent, prefix=".cache-") as cache:
        source: list[str | Path] = ["-i", torch_dir, "-o", out_dir, "-p", precision, "-e", provider, "-c", cache]
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
