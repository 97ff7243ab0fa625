"""A language model small enough to export in seconds: random weights, a byte-level tokenizer, the real exporter.

What it says means nothing. Its graph, cache and chat template have the shape of the ones that are served.
"""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from feedwheel_capture.events import ModelRef

from pipelines import export
from pipelines.io.models import model_ref

CONTROL = ("<|end|>", "<|start|>")
TEMPLATE = (
    "{% for message in messages %}<|start|>{{ message['role'] }}\n{{ message['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
)


_BLOCKS_OF_64 = ("prune_lm_head=true", "shared_embeddings=false", "block_size=64")
"""The kernels for these, and no others, round differently by the number of rows that they are given."""


@cache
def tiny_torch_dir() -> Path:
    """The model in PyTorch; built once per test session."""
    folder = Path(tempfile.mkdtemp(prefix="tiny-model-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _save_torch(folder / "torch")
    return folder / "torch"


@cache
def tiny_export(precision: export.Precision) -> Path:
    """The exported artefact; built once per test session."""
    torch_dir = tiny_torch_dir()
    with patch.dict(export._OPTIONS, int4=_BLOCKS_OF_64):
        return export.export(torch_dir, torch_dir.with_name(precision), precision)


def tiny_model_dir() -> Path:
    """The artefact that most tests serve, int4."""
    return tiny_export("int4")


def tiny_model(version: str = "1") -> ModelRef:
    """A reference to it, as a control event carries one."""
    return model_ref("tiny", version, tiny_model_dir())


def _save_torch(directory: Path) -> None:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = _tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        initializer_range=0.5,  # random logits must differ clearly from each other
        bos_token_id=1,
        eos_token_id=0,
        pad_token_id=0,
    )
    torch.manual_seed(0)
    model = LlamaForCausalLM(config)
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate([*CONTROL, *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=CONTROL[0], bos_token=CONTROL[1], chat_template=TEMPLATE
    )
