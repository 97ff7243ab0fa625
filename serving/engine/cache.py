"""The KV cache of one model: buffers that the graph reads and extends in place, one row per sequence.

Every buffer is [rows, kv_heads, context_tokens, head_size], so that any run of adjacent rows is one tensor and can be
bound by its address, without a copy. On CPU a row costs memory only as far as it was ever written.
"""

import mmap
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import DTypeLike, NDArray

from serving.engine.artifact import Artifact


class KvCache:
    """Key and value buffers of every layer. `can_copy_rows` is False where they lie in a GPU's memory."""

    def __init__(self, artifact: Artifact, rows: int, context_tokens: int, device: str, dtype: DTypeLike) -> None:
        self.rows = rows
        self.context_tokens = context_tokens
        self.dtype = np.dtype(dtype)
        self.can_copy_rows = device == "cpu"
        self._row_shape = (artifact.kv_heads, context_tokens, artifact.head_size)
        shape, count = (rows, *self._row_shape), len(artifact.past_names)
        self._arrays: list[NDArray[Any]] = []
        if self.can_copy_rows:
            self._arrays = [lazy_zeros(shape, self.dtype) for _ in range(count)]
            self._addresses = [array.ctypes.data for array in self._arrays]
        else:
            self._device_values = [
                ort.OrtValue.ortvalue_from_shape_and_type(shape, self.dtype, device, 0) for _ in range(count)
            ]
            self._addresses = [value.data_ptr() for value in self._device_values]

    @property
    def bytes(self) -> int:
        """What it may grow to."""
        return self.rows * int(np.prod(self._row_shape)) * self.dtype.itemsize * len(self._addresses)

    def shape(self, rows: int) -> tuple[int, ...]:
        """Shape of `rows` adjacent rows of one buffer."""
        return (rows, *self._row_shape)

    def addresses(self, first_row: int) -> list[int]:
        """Address of `first_row` in each buffer, in the order of the artefact's `past_names`."""
        offset = first_row * int(np.prod(self._row_shape)) * self.dtype.itemsize
        return [address + offset for address in self._addresses]

    def copy_row(self, source: int, target: int, tokens: int) -> None:
        """Copy the first `tokens` of one row to another."""
        for array in self._arrays:
            array[target, :, :tokens] = array[source, :, :tokens]


def lazy_zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Zeros whose pages come one by one, when they are first written.

    Huge pages, which numpy asks for, would make the unused end of every row resident: measured 1.8 GiB instead of 0.5.
    """
    memory = mmap.mmap(-1, int(np.prod(shape)) * dtype.itemsize)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):  # Linux
        memory.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(memory, dtype).reshape(shape)
