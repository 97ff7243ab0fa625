"""Sentence embeddings by one ONNX graph: texts in, vectors of length 1 out."""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from tokenizers import Tokenizer

from serving.engine.errors import ArtifactInvalid

_MOST_TOKENS: Final = 256
"""Of a text; MiniLM was trained on no longer ones, and what is beyond does not count."""
_TEXTS_AT_ONCE: Final = 16
"""At most 4,096 tokens, padding included: some 50 MB of activations."""
_PAD: Final = 0

Embeddings = NDArray[np.float32]


class Embedder:
    """A loaded embedder. Any thread may ask; one at a time is answered, by a thread of its own."""

    def __init__(self, directory: Path, threads: int) -> None:
        """Load. Raises ArtifactInvalid."""
        self.name = directory.name
        self._thread = ThreadPoolExecutor(1, "feedwheel-embedder")
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # answers are being decoded beside
        try:
            self._tokenizer: Tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
            self._session: Any = ort.InferenceSession(
                str(directory / "model.onnx"), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # neither library has a public base of its exceptions
            raise ArtifactInvalid(f"{directory} is no embedder: {error}: run `feedwheel up`") from error
        self._tokenizer.enable_truncation(_MOST_TOKENS)
        self._tokenizer.no_padding()

    def submit(self, texts: list[str]) -> "Future[tuple[Embeddings, int]]":
        """Vectors, float32 [texts, dimensions], and how many tokens were read, when it is their turn."""
        return self._thread.submit(self._embed, texts)

    def close(self) -> None:
        """Take nothing more; what waits is not embedded."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _embed(self, texts: list[str]) -> tuple[Embeddings, int]:
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch(texts)]
        shortest_first = sorted(range(len(ids)), key=lambda place: len(ids[place]))
        batches = (shortest_first[start : start + _TEXTS_AT_ONCE] for start in range(0, len(ids), _TEXTS_AT_ONCE))
        vectors = np.concatenate([self._run([ids[place] for place in batch]) for batch in batches])
        return vectors[np.argsort(shortest_first)], sum(map(len, ids))

    def _run(self, ids: list[list[int]]) -> Embeddings:
        longest = max(map(len, ids))
        tokens = np.array([[*one, *[_PAD] * (longest - len(one))] for one in ids], np.int64)
        mask = np.array([[1] * len(one) + [0] * (longest - len(one)) for one in ids], np.int64)
        vectors: Embeddings = self._session.run(None, {"input_ids": tokens, "attention_mask": mask})[0]
        return vectors
