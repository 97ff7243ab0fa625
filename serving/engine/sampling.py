"""Choice of the next token: greedy, or drawn with a seed of the request's own, after what the request asks of logits.

The order is that of the engines people come from: penalties and biases change logits, a grammar takes out what may not
follow, temperature flattens, min-p, top-k and top-p cut the tail off, and what is left is drawn from.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from feedwheel_capture.events import Sampling
from numpy.typing import NDArray

from serving.engine.errors import EngineFault
from serving.engine.session import Tokens

Logits = NDArray[np.float32]

_HEAD: Final = 256
"""Tokens that are sorted first to find the smallest set whose probability reaches top-p; nearly always it is inside,
and sorting a vocabulary of 49,152 takes 4 ms."""


class Sampler:
    """The draws of one request: they depend on its seed, prompt and logits, never on who shares the batch."""

    def __init__(self, sampling: Sampling, prompt: Tokens, bias: Mapping[int, float] | None = None) -> None:
        """`bias` is added to the logits of those tokens."""
        self._sampling = sampling
        given = bias or {}
        self._bias = (np.array(list(given), np.int64), np.array(list(given.values()), np.float32))
        self._random = np.random.default_rng(sampling.seed)
        self._seen = np.unique(prompt) if sampling.repetition_penalty is not None else np.empty(0, np.int64)
        self._written: Counter[int] = Counter()

    def pick(self, logits: Logits, allowed: NDArray[np.bool_] | None = None) -> int:
        """Index of the next token; logits: float32 [vocab], allowed: bool [vocab]. Raises EngineFault if not finite."""
        best = int(logits.argmax())
        # argmax gives the first NaN if there is one, so looking at the winner is enough.
        if not np.isfinite(logits[best]):
            raise EngineFault("the model gave logits that are not finite")
        if self._changes_logits or allowed is not None:
            logits = self._changed(logits, allowed)
            best = int(logits.argmax())
        if self._sampling.temperature == 0:
            return best
        return self._draw(logits)

    def take(self, token: int) -> None:
        """Remember a token of the answer, for the penalties of the next."""
        if self._changes_logits:
            self._written[token] += 1

    @property
    def _changes_logits(self) -> bool:
        wanted = self._sampling
        penalties = (wanted.repetition_penalty, wanted.frequency_penalty, wanted.presence_penalty)
        return len(self._bias[0]) > 0 or any(penalty is not None for penalty in penalties)

    def _changed(self, logits: Logits, allowed: NDArray[np.bool_] | None) -> Logits:
        changed, wanted = logits.copy(), self._sampling
        written = np.array(list(self._written), np.int64)
        if wanted.repetition_penalty is not None:  # Keskar et al., "CTRL", 2019, as everyone computes it since
            seen = np.union1d(self._seen, written)
            penalty = np.float32(wanted.repetition_penalty)
            changed[seen] = np.where(changed[seen] > 0, changed[seen] / penalty, changed[seen] * penalty)
        if len(written):  # OpenAI's formula: once for having been written, and once for each time
            counts = np.array(list(self._written.values()), np.float32)
            changed[written] -= np.float32(wanted.frequency_penalty or 0) * counts
            changed[written] -= np.float32(wanted.presence_penalty or 0)
        tokens, amounts = self._bias
        changed[tokens] += amounts
        if allowed is not None:
            changed[: len(allowed)][~allowed] = -np.inf
            changed[len(allowed) :] = -np.inf
        return changed

    def _draw(self, logits: Logits) -> int:
        scaled = logits.astype(np.float64) / self._sampling.temperature
        weights = np.exp(scaled - scaled.max())
        kept = _kept(weights, self._sampling)
        shares = np.cumsum(weights if kept is None else weights[kept])
        place = int(np.searchsorted(shares, self._random.random() * shares[-1], side="right"))
        place = min(place, len(shares) - 1)
        return place if kept is None else int(kept[place])


def _kept(weights: NDArray[np.float64], sampling: Sampling) -> NDArray[np.int64] | None:
    """Indexes of tokens that may be drawn; None is all. weights: float64 [vocab], of which the largest is 1."""
    kept: NDArray[np.int64] | None = None
    if sampling.min_p is not None:  # Nguyen et al., "Turning Up the Heat: Min-p Sampling", 2024
        kept = np.flatnonzero(weights >= sampling.min_p)
    if sampling.top_k is not None:
        kept = _largest(weights, kept, sampling.top_k)
    if sampling.top_p < 1:  # Holtzman et al., "The Curious Case of Neural Text Degeneration", 2020
        kept = _nucleus(weights, kept, sampling.top_p)
    return kept


def _largest(weights: NDArray[Any], among: NDArray[np.int64] | None, count: int) -> NDArray[np.int64]:
    """Indexes of the `count` largest, largest first; of equal ones the first."""
    indexes = np.arange(len(weights)) if among is None else among
    if count < len(indexes):
        least = np.partition(weights[indexes], len(indexes) - count)[len(indexes) - count]
        indexes = indexes[weights[indexes] >= least]
    return indexes[np.argsort(-weights[indexes], kind="stable")][:count]


def _nucleus(weights: NDArray[np.float64], among: NDArray[np.int64] | None, top_p: float) -> NDArray[np.int64]:
    """The smallest set of the largest whose share reaches `top_p`, never empty."""
    total = float((weights if among is None else weights[among]).sum())
    for count in (_HEAD, len(weights)):
        ordered = _largest(weights, among, count)
        shares = np.cumsum(weights[ordered]) / total
        if shares[-1] >= top_p:
            break
    return ordered[: int(np.searchsorted(shares, top_p)) + 1]


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token and the natural logarithm of its probability; `top` are the likeliest in its place, likeliest first.

    `begins`: the character of the answer's text in which its first byte is.
    """

    token: int
    logprob: float
    top: tuple[tuple[int, float], ...] = ()
    begins: int = 0


def token_logprob(logits: Logits, token: int, alternatives: int) -> TokenLogprob:
    """Of a token by the model itself, before anything that a request asks of logits."""
    highest = logits.max()
    total = float(highest) + float(np.log(np.exp(logits - highest, dtype=np.float64).sum()))
    best = _largest(logits, None, alternatives) if alternatives else ()
    return TokenLogprob(
        token, float(logits[token]) - total, tuple((int(each), float(logits[each]) - total) for each in best)
    )
