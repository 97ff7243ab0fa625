"""LoRA adapters as inputs of a graph: what the exporter, the pipelines and serving agree on.

In: the two files that PEFT writes. Out: the arrays that an adaptable graph takes for them. Such a graph has two inputs
for every projection, named after the module with `LORA_A` or `LORA_B` behind it, and `ADAPTERS`:

    A: [units, inputs, rank]    B: [units, rank, outputs]    ADAPTERS: bool [units, rows, 1]

and adds `sum over units of where(ADAPTERS, x @ A, 0) @ B` to the projection of x. A unit has `UNIT_RANK` ranks, so that
an adapter is one or more adjacent units; with a rank of 0 the sum is nothing, and only its nodes cost time.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from schemas.errors import ContractViolation

ADAPTERS: Final = "adapters"
LORA_A: Final = ".lora_A"
LORA_B: Final = ".lora_B"
UNIT_RANK: Final = 16
"""ONNX Runtime divides wider products among threads by how many rows there are, and sums them in another order then."""

ADAPTER_WEIGHTS: Final = "adapter_model.safetensors"
ADAPTER_CONFIG: Final = "adapter_config.json"
ADAPTER_BASE: Final = "base_model.json"
"""The `ModelRef` of the adaptable model that a released adapter belongs to."""

_PEFT_PREFIX: Final = "base_model.model."
_PEFT_SUFFIX: Final = ".weight"
_LARGEST: Final = float(np.finfo(np.float16).max)
"""Of a weight: in float16 a larger one is infinite, and 0 times that is no number, in every row of the step."""
_NAMED: Final = 3
"""Of what the base model lacks, in an error."""

Arrays = dict[str, NDArray[np.float32]]


class AdapterInvalid(ContractViolation):
    """An adapter is not one that its base model's graph can take."""


class _Config(msgspec.Struct, frozen=True):
    """Of `adapter_config.json`: what decides about the product that is added."""

    peft_type: str
    r: int
    lora_alpha: float
    use_rslora: bool = False
    use_dora: bool = False
    fan_in_fan_out: bool = False
    bias: str = "none"
    modules_to_save: Any = None
    rank_pattern: Any = None
    alpha_pattern: Any = None

    @property
    def scale(self) -> float:
        """What the product is multiplied by."""
        return self.lora_alpha / (math.sqrt(self.r) if self.use_rslora else self.r)

    def check(self) -> None:
        """Raises AdapterInvalid for what is more than a product of two matrices per projection."""
        more = [
            name
            for name in ("use_dora", "fan_in_fan_out", "modules_to_save", "rank_pattern", "alpha_pattern")
            if getattr(self, name)
        ]
        more += ["bias"] if self.bias != "none" else []
        if self.peft_type != "LORA" or more:
            raise AdapterInvalid(f"{self.peft_type} with {more or 'nothing more'}: only plain LoRA can be served")
        if self.r < 1:
            raise AdapterInvalid(f"a rank of {self.r}: at least 1 is needed")


def units_of(rank: int) -> int:
    """Units that an adapter of a rank takes."""
    return -(-rank // UNIT_RANK)


def adapter_widths(shapes: Mapping[str, Sequence[int | str]]) -> dict[str, int]:
    """Of the inputs of a graph, given with their shapes: those for adapters, with the width of their projection."""
    return {
        name: next(size for size in shape[1:] if isinstance(size, int))
        for name, shape in shapes.items()
        if name.endswith((LORA_A, LORA_B))
    }


def stack_shape(name: str, width: int, units: int, rank: int = UNIT_RANK) -> tuple[int, int, int]:
    """Shape of one of a graph's inputs for adapters."""
    return (units, width, rank) if name.endswith(LORA_A) else (units, rank, width)


def adapter_arrays(config: bytes, weights: bytes, widths: Mapping[str, int], units: int | None = None) -> Arrays:
    """An adapter's arrays for the inputs of a graph, the scale within B: float32 of `stack_shape`.

    `units`: as many as it gets; as many as it needs, if that is not said. What it does not touch is zero.
    Raises AdapterInvalid.
    """
    try:
        meaning = msgspec.json.decode(config, type=_Config)
        tensors = safetensors.numpy.load(weights)
    except (msgspec.DecodeError, safetensors.SafetensorError, KeyError, TypeError) as error:
        raise AdapterInvalid(f"{ADAPTER_CONFIG} or {ADAPTER_WEIGHTS} cannot be read: {error!r}") from error
    meaning.check()
    units = units_of(meaning.r) if units is None else units
    if units_of(meaning.r) > units:
        raise AdapterInvalid(
            f"rank {meaning.r}: there is room for {units * UNIT_RANK}: raise FEEDWHEEL_SERVING_ADAPTER_RANK"
        )
    named = {key.removeprefix(_PEFT_PREFIX).removesuffix(_PEFT_SUFFIX): tensor for key, tensor in tensors.items()}
    if unknown := sorted(named.keys() - widths.keys()):
        raise AdapterInvalid(f"the base model has no {', '.join(unknown[:_NAMED])}")
    return {
        name: _arranged(name, named[name], meaning, width, units)
        if name in named
        else np.zeros(stack_shape(name, width, units), np.float32)
        for name, width in widths.items()
    }


def _arranged(name: str, tensor: NDArray[Any], config: _Config, width: int, units: int) -> NDArray[np.float32]:
    """PEFT's A is [rank, inputs] and its B [outputs, rank]."""
    first = name.endswith(LORA_A)
    shape = (config.r, width) if first else (width, config.r)
    if tensor.shape != shape:
        raise AdapterInvalid(f"{name} is {list(tensor.shape)}, and {list(shape)} was expected")
    padded = np.zeros((units * UNIT_RANK, width), np.float32)
    padded[: config.r] = tensor if first else tensor.T * config.scale
    if not (np.abs(padded) <= _LARGEST).all():
        raise AdapterInvalid(f"{name} has values that are no numbers, or too large ones")
    arranged = padded.reshape(units, UNIT_RANK, width)
    return arranged.transpose(0, 2, 1) if first else arranged
