"""One ONNX graph in one ONNX Runtime session, with its KV cache.

In: token ids of rows. Out: logits of each row's next token. The graph's attention takes its own length per row, so rows
of any lengths share a step without padding, and it writes keys and values into the cache in place.
"""

from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import onnxruntime as ort
from numpy.typing import DTypeLike, NDArray

from schemas.adapter import ADAPTERS, UNIT_RANK
from schemas.machine import session_settings
from serving.engine.adapters import NO_ADAPTER, Adapters
from serving.engine.artifact import Artifact
from serving.engine.cache import KvCache
from serving.engine.errors import ArtifactInvalid, ProviderMissing

ProviderWish = Literal["auto", "cpu", "cuda"]
Tokens = NDArray[np.int64]

CUDA: Final = "CUDAExecutionProvider"
CPU: Final = "CPUExecutionProvider"

ROW_TILE: Final = 2
"""Rows that some kernels compute together (int4 in blocks of 64 and 128, for one). A row left over takes another path
whose rounding differs, so that an answer would depend on who else was asking: with them every step has whole tiles, and
a prompt is only ever divided between two. Measured: then int4, int8 and fp32 give results that are equal to the last
bit for any batch."""
_PROBE_ROWS: Final = 4
_SPAN_BINDINGS: Final = 256
"""Kept for rows that use adapters of some adjacent slots; a new one takes half a millisecond."""

_DTYPES: Final[dict[str, DTypeLike]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(int8)": np.int8,
}


def providers_to_try(wish: ProviderWish) -> list[str]:
    """Providers for a session, best first. Raises ProviderMissing where CUDA is asked for and cannot be there.

    CUDA is tried only where a driver is: asking without one fills the log with loader errors.
    """
    has_driver = Path("/dev/nvidiactl").exists() or Path("/dev/dxg").exists()  # the latter under WSL
    possible = has_driver and CUDA in ort.get_available_providers()
    if wish == "cuda" and not possible:
        raise ProviderMissing("CUDA is asked for, and there is no driver, or an ONNX Runtime without it: see `doctor`")
    return [CUDA, CPU] if possible and wish != "cpu" else [CPU]


def divided(tokens: int, most: int) -> int:
    """How many of a prompt's tokens may be computed, or known, apart from the rest: all, or whole tiles up to `most`.

    Never all but one: a rest of one token would be computed as a decoding step is, which rounds differently.
    """
    if tokens <= most:
        return tokens
    most -= most % ROW_TILE
    return most - ROW_TILE if tokens - most == 1 else most


def agreeing(one: Tokens, other: Tokens) -> int:
    """How many tokens two texts begin with that are the same."""
    length = min(len(one), len(other))
    differing = np.flatnonzero(one[:length] != other[:length])
    return int(differing[0]) if len(differing) else length


class Decoder:
    """A loaded model. `providers` are the ones that really run it, first the preferred."""

    def __init__(
        self,
        artifact: Artifact,
        *,
        wish: ProviderWish,
        threads: int,
        rows: int,
        context_tokens: int,
        spare_rows: int = 0,
        adapters: int = 0,
        adapter_rank: int = UNIT_RANK,
        exact: bool = True,
    ) -> None:
        """Load. Raises ArtifactInvalid, ProviderMissing.

        `threads` 0 means one per physical core. `spare_rows` of the cache are beyond those that are decoded in.
        `adapters`: slots for them, where the model's graph takes any, each of at most `adapter_rank`.
        `exact`: on CPU, every answer is the same to the last bit whoever shares its steps.
        """
        self.artifact = artifact
        self._session = _open(artifact, providers_to_try(wish), threads)
        self.providers = tuple(self._session.get_providers())
        if wish == "cuda" and self.providers[0] != CUDA:
            raise ProviderMissing(f"CUDA is asked for, but the model runs on {self.providers[0]}: check the driver")
        self._device = "cuda" if self.providers[0] == CUDA else "cpu"
        self.adapters = Adapters(self._session.get_inputs(), adapters, adapter_rank, self._device, _DTYPES)
        context_tokens = min(context_tokens, artifact.context_tokens)
        self.decoded_rows = -(-rows // ROW_TILE) * ROW_TILE
        self.cache = KvCache(
            artifact, self.decoded_rows + spare_rows, context_tokens, self._device, self._cache_dtype()
        )
        self._bindings: dict[tuple[int, int, range], Any] = {}
        self.is_exact = exact and self._device == "cpu"  # a GPU's matrix products depend on their size
        self._row_tile = self._probed_tile() if self.is_exact else 1

    def _cache_dtype(self) -> DTypeLike:
        kinds = {put.name: put.type for put in self._session.get_inputs()}
        unknown = kinds.keys() - {"input_ids", "attention_mask", *self.artifact.past_names, *self.adapters.names}
        if unknown:
            raise ArtifactInvalid(f"{self.artifact.model_file} has inputs {sorted(unknown)}: export it with GQA")
        return _DTYPES[kinds[self.artifact.past_names[0]]]

    def step_rows(self, rows: int) -> int:
        """The number of rows of a step that computes at least `rows`."""
        return -(-rows // self._row_tile) * self._row_tile

    def _probed_tile(self) -> int:
        """1 where the model's kernels compute a row the same however many there are, else ROW_TILE.

        The products of adapters, which are none here, never do.
        """
        if self.adapters.possible:
            return ROW_TILE
        rows = min(_PROBE_ROWS, self.decoded_rows)
        tokens, lengths, slots = np.arange(1, rows + 1), np.ones(rows, np.int64), np.full(rows, NO_ADAPTER)
        together = self.decode(tokens, lengths, slots)
        alike = (
            np.array_equal(self.decode(tokens[:n], lengths[:n], slots[:n]), together[:n]) for n in range(1, rows, 2)
        )
        return 1 if all(alike) else ROW_TILE

    def prefill(self, row: int, tokens: Tokens, start: int, slot: int) -> None:
        """Extend one row, which holds `start` tokens and uses the adapter of a slot, by int64 [n] tokens."""
        length = start + len(tokens)
        self._run(row, tokens[None, :], np.ones((1, length), np.int64), np.array([slot]))

    def decode(self, tokens: Tokens, lengths: Tokens, slots: Tokens) -> NDArray[np.float32]:
        """Append one token to each of the first rows; float32 [rows, vocab] logits of what follows.

        tokens: int64 [rows]; lengths: int64 [rows], tokens that each row holds including this one;
        slots: int64 [rows], of the adapter that each row uses.
        """
        mask = (np.arange(int(lengths.max())) < lengths[:, None]).astype(np.int64)
        logits: NDArray[np.float32] = self._run(0, tokens[:, None], mask, slots)[:, -1].astype(np.float32, copy=False)
        return logits

    def _run(self, first_row: int, ids: Tokens, mask: Tokens, slots: Tokens) -> NDArray[Any]:
        span = self.adapters.span(slots)
        binding = self._binding(first_row, len(ids), span)
        if self.adapters.possible:
            binding.bind_cpu_input(ADAPTERS, self.adapters.uses(slots, span))
        binding.bind_cpu_input("input_ids", np.ascontiguousarray(ids))
        binding.bind_cpu_input("attention_mask", mask)
        binding.bind_output("logits", "cpu")
        self._session.run_with_iobinding(binding)
        logits: NDArray[Any] = binding.get_outputs()[-1].numpy()
        return logits

    def _binding(self, first_row: int, rows: int, span: range) -> Any:
        """Adjacent cache rows bound as both past and present, which makes the graph extend them in place.

        And the adapters of adjacent slots, where they lie.
        """
        key = (first_row, rows, span)
        if key not in self._bindings:
            if len(self._bindings) == _SPAN_BINDINGS + 2 * self.cache.rows:
                del self._bindings[next(iter(self._bindings))]
            binding = self._session.io_binding()
            shape, addresses = self.cache.shape(rows), self.cache.addresses(first_row)
            place = (self._device, 0, self.cache.dtype.type, shape)
            names = zip(self.artifact.past_names, self.artifact.present_names, addresses, strict=True)
            for past, present, address in names:
                binding.bind_input(past, *place, address)
                binding.bind_output(present, *place, address)
            for name, dtype, shape, address in self.adapters.inputs(span):
                binding.bind_input(name, self._device, 0, dtype.type, shape, address)
            self._bindings[key] = binding
        return self._bindings[key]


def _open(artifact: Artifact, providers: list[str], threads: int) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Threads spin within a step, which takes a third off it, and sleep between steps: other processes share the cores.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    for name, value in session_settings().items():
        options.add_session_config_entry(name, value)
    try:
        return ort.InferenceSession(str(artifact.model_file), options, providers=providers)
    except Exception as error:  # ORT's exception classes share no public base
        raise ArtifactInvalid(f"{artifact.model_file} does not load on {providers[0]}: {error}") from error
