"""LoRA adapters in the memory of one model, from which every row of a step uses its own or none.

In: the files that training writes. Out: what the graph's inputs are bound to in a step: the slots from the first to the
last that a row uses, where they lie. An adapter keeps its slot until the last job that asked for it has ended.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import onnxruntime as ort
from numpy.typing import DTypeLike, NDArray

from schemas.adapter import ADAPTERS, adapter_arrays, adapter_widths, stack_shape, units_of
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
    """One input of the graph, for every slot."""

    name: str
    width: int
    array: NDArray[Any]
    """The shape is `stack_shape` of all units."""
    value: Any
    """Where it lies in a GPU's memory; None where that is the array itself."""

    @classmethod
    def empty(cls, name: str, width: int, units: int, device: str, dtype: DTypeLike) -> Self:
        """Room for units; on CPU it costs memory only where it was written."""
        array = lazy_zeros(stack_shape(name, width, units), np.dtype(dtype))
        value = None if device == "cpu" else ort.OrtValue.ortvalue_from_numpy(array, device, 0)
        return cls(name, width, array, value)

    def shape(self, units: int) -> tuple[int, int, int]:
        """Shape of some adjacent units; of none, the shape whose product is nothing."""
        return stack_shape(self.name, self.width, units) if units else stack_shape(self.name, self.width, 1, rank=0)

    def address(self, unit: int) -> int:
        """Where a unit begins."""
        base: int = self.array.ctypes.data if self.value is None else self.value.data_ptr()
        return base + unit * self.array.strides[0]

    def write(self, unit: int, units: NDArray[np.float32]) -> None:
        """Put units where nobody reads."""
        self.array[unit : unit + len(units)] = units
        if self.value is not None:
            self.value.update_inplace(self.array)  # what others read is overwritten by what it is


class Adapters:
    """The adapters of one model; it has none where its graph has no inputs for them.

    Adding and dropping is one thread's business; `hold` and `release` are anyone's.
    """

    def __init__(self, inputs: Sequence[Any], slots: int, rank: int, device: str, dtypes: dict[str, DTypeLike]) -> None:
        """`inputs`: those of the session; `rank`: the highest of an adapter."""
        self._units = units_of(rank)
        self._lock = threading.Lock()
        self.possible = any(put.name == ADAPTERS for put in inputs)
        self._widths = adapter_widths({put.name: put.shape for put in inputs})
        types = {put.name: dtypes[put.type] for put in inputs if put.name in self._widths}
        self._stacks = [
            _Stack.empty(name, width, slots * self._units, device, types[name]) for name, width in self._widths.items()
        ]
        self._free = set(range(slots))

    @property
    def names(self) -> set[str]:
        """The graph's inputs that are bound here."""
        return {ADAPTERS, *self._widths} if self.possible else set()

    def add(self, config: bytes, weights: bytes) -> Adapter:
        """Bring an adapter into a free slot. Raises ArtifactInvalid, AdapterInvalid, NoSlotFree."""
        if not self.possible:
            raise ArtifactInvalid("the model's graph takes no adapters: set FEEDWHEEL_ADAPTERS and export it again")
        arrays = adapter_arrays(config, weights, self._widths, self._units)
        with self._lock:
            if not self._free:
                raise NoSlotFree("every slot for adapters is taken: raise FEEDWHEEL_SERVING_ADAPTERS")
            slot = min(self._free)  # a step computes what lies between those in use, too
            self._free.remove(slot)
        for stack in self._stacks:
            stack.write(slot * self._units, arrays[stack.name])
        return Adapter(slot)

    def drop(self, adapter: Adapter) -> bool:
        """Let nobody ask for an adapter any more; whether its slot is free, since no job uses it."""
        with self._lock:
            adapter.is_leaving = True
            if adapter.jobs == 0:
                self._free.add(adapter.slot)
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
            shape, address = stack.shape(len(span) * self._units), stack.address(span.start * self._units)
            yield stack.name, stack.array.dtype, shape, address

    def uses(self, slots: NDArray[np.int64], span: range) -> NDArray[np.bool_]:
        """Which row uses which unit: bool [units, rows, 1]; `slots`: int64 [rows]."""
        if not span:
            return np.zeros((1, len(slots), 1), np.bool_)
        of_slots = np.arange(span.start, span.stop)[:, None] == slots
        return np.repeat(of_slots, self._units, axis=0)[:, :, None]
