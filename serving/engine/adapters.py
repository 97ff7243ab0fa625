"""LoRA adapters in the memory of one model, from which every row of a step uses its own or none.

In: the files that training writes. Out: what the graph's inputs are bound to in a step: the slots from the first to the
last that a row uses, where they lie. An adapter keeps its slot until the last job that asked for it has ended.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnxruntime as ort
from numpy.typing import DTypeLike, NDArray

from schemas.adapter import ADAPTERS, LORA_A, LORA_B, UNIT_RANK, adapter_arrays, units_of
from serving.engine.cache import lazy_zeros
from serving.engine.errors import ArtifactInvalid, NoSlotFree, Withdrawn

NO_ADAPTER: Final = -1
"""The slot of a row that uses none."""

_EMPTY: Final = range(0)


@dataclass(slots=True, eq=False)
class Adapter:
    """An adapter in its slot. Two are never equal, whatever their weights: what was computed with one is its own."""

    slot: int
    jobs: int = 0
    """That asked for it and have not ended."""
    is_leaving: bool = False


@dataclass(frozen=True, slots=True)
class _Stack:
    """One input of the graph for every slot: [slots * units, inputs, 16] or [slots * units, 16, outputs]."""

    name: str
    array: NDArray[Any]
    value: Any
    """Where it lies in a GPU's memory; None where that is the array itself."""

    @property
    def width(self) -> int:
        """Inputs or outputs of the projection."""
        return int(self.array.shape[1 if self.is_first else 2])

    @property
    def is_first(self) -> bool:
        """Whether it is the factor that rows meet first."""
        return self.name.endswith(LORA_A)

    def shape(self, units: int) -> tuple[int, ...]:
        """Shape of some adjacent units; of none, the shape whose product is nothing."""
        if units:
            return (units, *self.array.shape[1:])
        return (1, self.width, 0) if self.is_first else (1, 0, self.width)

    def address(self, unit: int) -> int:
        """Where a unit begins."""
        base: int = self.array.ctypes.data if self.value is None else self.value.data_ptr()
        return base + unit * self.array.strides[0]


class Adapters:
    """The adapters of one model; it has none where its graph has no inputs for them.

    Adding and dropping is one thread's business; `hold` and `release` are anyone's.
    """

    def __init__(self, inputs: Sequence[Any], slots: int, rank: int, device: str, dtypes: dict[str, DTypeLike]) -> None:
        """`inputs`: those of the session; `rank`: the highest of an adapter."""
        self._units = units_of(rank)
        self._lock = threading.Lock()
        self.possible = any(put.name == ADAPTERS for put in inputs)
        self._stacks = [
            _stack(put.name, put.shape, slots * self._units, device, dtypes[put.type])
            for put in inputs
            if put.name.endswith((LORA_A, LORA_B))
        ]
        self._free = list(range(slots))

    @property
    def names(self) -> set[str]:
        """The graph's inputs that are bound here."""
        return {ADAPTERS, *(stack.name for stack in self._stacks)} if self.possible else set()

    def add(self, config: bytes, weights: bytes) -> Adapter:
        """Bring an adapter into a free slot. Raises ArtifactInvalid, AdapterInvalid, NoSlotFree."""
        if not self.possible:
            raise ArtifactInvalid("the model's graph takes no adapters: export it adaptable")
        arrays = adapter_arrays(config, weights, {stack.name: stack.width for stack in self._stacks}, self._units)
        with self._lock:
            if not self._free:
                raise NoSlotFree("every slot for adapters is taken: raise FEEDWHEEL_SERVING_ADAPTERS")
            slot = self._free.pop(0)
        for stack in self._stacks:
            stack.array[slot * self._units : (slot + 1) * self._units] = arrays.get(stack.name, 0)
            if stack.value is not None:
                stack.value.update_inplace(stack.array)  # the slots in use are overwritten by what they hold
        return Adapter(slot)

    def drop(self, adapter: Adapter) -> bool:
        """Let nobody ask for an adapter any more; whether its slot is free, since no job uses it."""
        with self._lock:
            adapter.is_leaving = True
            if adapter.jobs == 0:
                self._free.append(adapter.slot)
            return adapter.jobs == 0

    def hold(self, adapter: Adapter) -> None:
        """A job asks for an adapter. Raises Withdrawn."""
        with self._lock:
            if adapter.is_leaving:
                raise Withdrawn("the adapter was replaced: ask again")
            adapter.jobs += 1

    def release(self, adapter: Adapter) -> None:
        """The job has ended."""
        with self._lock:
            adapter.jobs -= 1

    def span(self, slots: NDArray[np.int64]) -> range:
        """The adjacent slots that hold what rows use; `slots`: int64 [rows]."""
        used = slots[slots != NO_ADAPTER]
        return range(int(used.min()), int(used.max()) + 1) if len(used) else _EMPTY

    def inputs(self, span: range) -> Iterator[tuple[str, np.dtype[Any], tuple[int, ...], int]]:
        """Name, type, shape and address of every input that holds weights."""
        for stack in self._stacks:
            yield (
                stack.name,
                stack.array.dtype,
                stack.shape(len(span) * self._units),
                stack.address(span.start * self._units),
            )

    def uses(self, slots: NDArray[np.int64], span: range) -> NDArray[np.bool_]:
        """Which row uses which unit: bool [units, rows, 1]; `slots`: int64 [rows]."""
        if not span:
            return np.zeros((1, len(slots), 1), np.bool_)
        of_slots = np.arange(span.start, span.stop)[:, None] == slots
        return np.repeat(of_slots, self._units, axis=0)[:, :, None]


def _stack(name: str, shape: Sequence[int | str], units: int, device: str, dtype: DTypeLike) -> _Stack:
    sizes = [UNIT_RANK if isinstance(size, str) else size for size in shape[1:]]
    array = lazy_zeros((units, *sizes), np.dtype(dtype))
    value = None if device == "cpu" else ort.OrtValue.ortvalue_from_numpy(array, device, 0)
    return _Stack(name, array, value)
