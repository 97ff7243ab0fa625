"""Beginnings of prompts that are known: whose keys and values lie in which row of the cache.

In: a prompt and the row that it will be in. Out: how many of its tokens are there already. A prompt that is about to be
overwritten is put aside in a spare row, if it is long and nobody else has it: the next turn of its conversation, or the
next request with its system message, begins with it. Only what was computed as a prompt counts: decoding rounds
differently, and an answer must not depend on who asked before. What an adapter computed, no other may use. What one
person wrote, another's prompt never begins with: how much was known is told, and can be timed, so that whoever guesses
a text a word at a time would learn it.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from serving.engine.adapters import Adapter
from serving.engine.cache import KvCache
from serving.engine.session import ROW_TILE, Tokens, agreeing, divided

_LEAST_SHARED_TOKENS: Final = 16
"""Below this, copying the cache of a shared beginning costs as much as computing it."""
_LEAST_KEPT_TOKENS: Final = 64
"""Below this, computing a prompt again takes as long as a few decoding steps: not worth a copy."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """A prompt, as far as it is computed or to be; the adapter that computes it; whose it is, None for everybody's.

    Its first `common` tokens are everybody's in any case.
    """

    prompt: Tokens
    adapter: Adapter | None = None
    private_to: str | None = None
    common: int = 0

    def reusable_for(self, other: "Beginning") -> int:
        """Tokens of this that can stand for the beginning of another, to the last bit: whole tiles, or all of it."""
        if self.adapter is not other.adapter:
            return 0
        is_own = self.private_to == other.private_to
        open_to_it = len(self.prompt) if is_own else min(self.common, other.common)
        return _reusable_length(self.prompt[:open_to_it], other.prompt)

    def first(self, tokens: int) -> "Beginning":
        """Of it, so many tokens."""
        return replace(self, prompt=self.prompt[:tokens])


class Prefixes:
    """What is known of each row; the rows from `spare_from` on are never decoded in, and hold what was put aside."""

    def __init__(self, cache: KvCache, spare_from: int) -> None:
        self._cache = cache
        self._known: dict[int, Beginning] = {}
        # Least recently used first.
        self._spare = list(range(spare_from, cache.rows)) if cache.can_copy_rows else []

    def reuse(self, place: int, wanted: Beginning) -> int:
        """Bring the longest known beginning of a prompt into row `place`; its length in tokens."""
        cache = self._cache
        lengths = {
            row: known.reusable_for(wanted) for row, known in self._known.items() if cache.can_copy_rows or row == place
        }
        # Where it lies already, if as much of it lies there: then there is nothing to copy.
        source = max(lengths, key=lambda row: (lengths[row], row == place), default=place)
        shared = lengths.get(source, 0)
        if shared < _LEAST_SHARED_TOKENS:
            source, shared = place, 0
        if source in self._spare:
            self._spare.append(self._spare.pop(self._spare.index(source)))
        self._put_aside(place, but_not_in=source, stays=shared if source == place else 0)
        if source != place:
            cache.copy_row(source, place, shared)
        self.computed(place, wanted.first(shared))
        return shared

    def computed(self, place: int, beginning: Beginning) -> None:
        """What row `place` now begins with."""
        self._known[place] = beginning

    def forget(self, place: int) -> None:
        """Row `place` is written to from its beginning."""
        self._known.pop(place, None)

    def moved(self, source: int, target: int) -> None:
        """Row `source` was copied to `target`."""
        self._known[target] = self._known[source]

    def _put_aside(self, place: int, but_not_in: int, stays: int) -> None:
        """Keep what row `place` begins with, if there is a spare row; its first `stays` tokens stay there anyway."""
        kept = self._known.get(place)
        if kept is None or len(kept.prompt) - stays < _LEAST_KEPT_TOKENS:
            return
        least = len(kept.prompt) - ROW_TILE
        others = [known for row, known in self._known.items() if row != place]
        if any(known.reusable_for(kept) >= least for known in others):
            return
        target = next((row for row in self._spare if row != but_not_in), None)
        if target is not None:
            self._cache.copy_row(place, target, len(kept.prompt))
            self._known[target] = kept
            self._spare.append(self._spare.pop(self._spare.index(target)))


def _reusable_length(known: Tokens, prompt: Tokens) -> int:
    if np.array_equal(known, prompt):
        return len(prompt)
    return max(0, divided(len(prompt), min(agreeing(known, prompt), len(prompt) - 1)))
