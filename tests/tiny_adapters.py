"""Adapters of the tiny model as PEFT writes them, and the adaptable form of its artefact.

Their weights are random and large enough that each says something else than the model without it.
"""

from functools import cache
from pathlib import Path
from typing import Any

from pipelines.export import Precision
from pipelines.export.adaptable import make_adaptable
from tests.tiny_model import tiny_export, tiny_torch_dir


@cache
def adaptable_dir(precision: Precision = "int4") -> Path:
    """The artefact that takes adapters; built once per test session."""
    plain = tiny_export(precision)
    return make_adaptable(plain, plain.with_name(f"{precision}-adaptable"))


def save_adapter(directory: Path, seed: int, rank: int = 8, **config: Any) -> Path:
    """An adapter of every projection, unless `config` says otherwise."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    settings = {"lora_alpha": 2 * rank, "target_modules": "all-linear", "task_type": "CAUSAL_LM", **config}
    base = AutoModelForCausalLM.from_pretrained(tiny_torch_dir(), dtype=torch.float32)
    model = get_peft_model(base, LoraConfig(r=rank, **settings))
    torch.manual_seed(seed)
    for name, weights in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weights, std=0.2)
    model.save_pretrained(directory)
    return directory


def adapter_files(directory: Path) -> tuple[bytes, bytes]:
    """Configuration and weights."""
    return (directory / "adapter_config.json").read_bytes(), (directory / "adapter_model.safetensors").read_bytes()
