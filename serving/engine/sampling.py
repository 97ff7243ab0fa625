"""Choice of the next token: greedy, or by temperature and top-p with a seed of the request's own."""

import numpy as np
from feedwheel_capture.events import Sampling
from numpy.typing import NDArray

from serving.engine.errors import EngineFault


class Sampler:
    """The draws of one request: they depend on its seed and its logits, never on who shares the batch."""

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling
        self._random = np.random.default_rng(sampling.seed)

    def pick(self, logits: NDArray[np.float32]) -> int:
        """Index of the next token; logits: float32 [vocab]. Raises EngineFault if they are not finite."""
        best = int(logits.argmax())
        # argmax gives the first NaN if there is one, so looking at the winner is enough.
        if not np.isfinite(logits[best]):
            raise EngineFault("the model gave logits that are not finite")
        if self._sampling.temperature == 0:
            return best
        return self._draw(logits.astype(np.float64) / self._sampling.temperature)

    def _draw(self, logits: NDArray[np.float64]) -> int:
        order = np.argsort(-logits, kind="stable")
        weights = np.exp(logits[order] - logits[order[0]])
        shares = np.cumsum(weights / weights.sum())
        # The smallest set whose probability reaches top_p, never empty.
        kept = int(np.searchsorted(shares, self._sampling.top_p)) + 1
        place = np.searchsorted(shares[:kept], self._random.random() * shares[:kept][-1], side="right")
        return int(order[min(int(place), kept - 1)])
