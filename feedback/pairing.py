"""People of two arms beside each other, as they come: the concurrent baseline of a comparison.

In: values of people who were drawn at random to one of two arms, in the order in which they became final. Out: pairs of
one of each arm. Who is paired with whom depends on when they came and never on their values, so a pair's difference has
the difference of the arms' means as its mean; and both came at about the same time, whatever the shares of the arms.
"""

from array import array
from collections import deque
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from feedback.statistics import Floats

_WAITING: Final = 1000
"""People of the larger arm who wait for a partner: of more, the oldest are forgotten, being no longer concurrent."""


@dataclass(slots=True)
class Paired:
    """Whoever comes is paired with the newest of the other arm who still waits; those who wait are all of one arm."""

    _differences: "array[float]" = field(default_factory=lambda: array("d"))
    _waiting: deque[float] = field(default_factory=lambda: deque(maxlen=_WAITING))
    _treated_wait: bool = False

    def add(self, value: float, *, treated: bool) -> None:
        """Take one more person."""
        if not self._waiting or self._treated_wait == treated:
            self._treated_wait = treated
            self._waiting.append(value)
            return
        other = self._waiting.pop()
        self._differences.append(value - other if treated else other - value)

    def differences(self) -> Floats:
        """Treated minus control, float64 [pairs], oldest first; the caller's own copy."""
        return np.array(self._differences, np.float64)
