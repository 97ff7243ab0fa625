"""Sentence embeddings by one ONNX graph: texts in, vectors of length 1 out.

Requests take turns: who asks with one text waits for a batch of each other request, not for all of their texts.
"""

import math
import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from tokenizers import Tokenizer

from serving.engine.errors import ArtifactInvalid, Closing, EngineFault, Overloaded

_MOST_TOKENS: Final = 256
"""Of a text; MiniLM was trained on no longer ones, and what is beyond does not count."""
_TEXTS_AT_ONCE: Final = 16
"""At most 4,096 tokens, padding included: some 50 MB of activations."""
_MOST_TEXTS_WAITING: Final = 4_096
"""Over all requests, some minutes of two cores; one request alone may have as many as the API lets in."""
_PAD: Final = 0

Embeddings = NDArray[np.float32]
Embedded = tuple[Embeddings, int]
"""Vectors, float32 [texts, dimensions], and how many tokens were read."""


@dataclass(slots=True, eq=False)
class _Request:
    """`left`: which of the texts have no vector yet, the longest first. Tokens are known from the first turn on."""

    texts: list[str]
    future: Future[Embedded] = field(default_factory=Future)
    ids: list[list[int]] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    vectors: dict[int, Embeddings] = field(default_factory=dict)

    def result(self) -> Embedded:
        """Of a request of which nothing is left."""
        return np.stack([self.vectors[place] for place in range(len(self.ids))]), sum(map(len, self.ids))


class Embedder:
    """A loaded embedder. Any thread may ask; batches are computed one at a time, by a thread of its own."""

    def __init__(self, directory: Path, threads: int) -> None:
        """Load. Raises ArtifactInvalid."""
        self.name = directory.name
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
        self._changed = threading.Condition()
        self._line = deque[_Request]()
        self._texts_waiting, self._is_closing = 0, False
        self._seconds, self._texts_done = 0.0, 0
        self._thread = threading.Thread(target=self._run, name="feedwheel-embedder", daemon=True)
        self._thread.start()

    def submit(self, texts: list[str]) -> Future[Embedded]:
        """Vectors when it is their turn; a future that is cancelled is let go of. Raises Overloaded, Closing."""
        request = _Request(texts)
        with self._changed:
            if self._is_closing:
                raise Closing
            if self._line and self._texts_waiting + len(texts) > _MOST_TEXTS_WAITING:
                raise Overloaded(len(self._line), self._wait_s(), "full")
            self._line.append(request)
            self._texts_waiting += len(texts)
            self._changed.notify_all()
        return request.future

    @property
    def waiting(self) -> int:
        """Requests that have not all of their vectors yet; anyone may ask."""
        return len(self._line)

    def _wait_s(self) -> int:
        """Until all that waits is done; a second while nothing is measured."""
        return max(1, math.ceil(self._texts_waiting * self._seconds / max(1, self._texts_done)))

    def close(self) -> None:
        """Take nothing more; what waits is not embedded, and gets Closing."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_closing or self._line)
                if self._is_closing:
                    break
                request = self._line[0]
            self._take_turn(request)
            with self._changed:
                if request.future.done():
                    self._line.popleft()
                    self._texts_waiting -= len(request.texts)
                else:
                    self._line.rotate(-1)
        for request in self._line:
            if request.future.set_running_or_notify_cancel():
                request.future.set_exception(Closing())

    def _take_turn(self, request: _Request) -> None:
        """Compute a batch; with the last one, or a failure, the future is done."""
        if request.future.cancelled():
            return
        try:
            self._compute_batch(request)
        except Exception as error:  # one request's texts must not silence the thread
            if request.future.set_running_or_notify_cancel():
                request.future.set_exception(EngineFault(f"the texts were not embedded: {type(error).__name__}"))
        else:
            if not request.left and request.future.set_running_or_notify_cancel():
                request.future.set_result(request.result())

    def _compute_batch(self, request: _Request) -> None:
        started = time.monotonic()
        if not request.ids:
            request.ids = [encoding.ids for encoding in self._tokenizer.encode_batch(request.texts)]
            request.left = sorted(range(len(request.ids)), key=lambda place: -len(request.ids[place]))
        batch = [request.left.pop() for _ in range(min(_TEXTS_AT_ONCE, len(request.left)))]
        vectors = self._vectors([request.ids[place] for place in batch])
        request.vectors |= dict(zip(batch, vectors, strict=True))
        self._seconds += time.monotonic() - started
        self._texts_done += len(batch)

    def _vectors(self, ids: list[list[int]]) -> Embeddings:
        longest = max(map(len, ids))
        tokens = np.array([[*one, *[_PAD] * (longest - len(one))] for one in ids], np.int64)
        mask = np.array([[1] * len(one) + [0] * (longest - len(one)) for one in ids], np.int64)
        vectors: Embeddings = self._session.run(None, {"input_ids": tokens, "attention_mask": mask})[0]
        return vectors
