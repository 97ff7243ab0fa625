"""Tool loops: the model calls the same tool with the same arguments over and over, without getting on (A17)."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from feedback.conversation import Turn
from feedback.detectors import base
from feedback.detectors.reading import Reading
from feedback.signal import Signal
from feedback.taxonomy import Weights

LOOP_CALLS: Final = 3
"""Equal calls for one message of the person that make a loop: a second may be a retry."""


@dataclass(frozen=True, slots=True)
class ToolLoopDetector:
    """Counts equal calls from one message of the person to the next; withheld arguments are not equal."""

    weights: Weights
    name: str = "tool_loop"
    version: int = 1

    def detect(self, reading: Reading, found: Sequence[Signal]) -> list[Signal]:
        """At most one signal for each message of the person, about the answer that closes the loop."""
        if not any(turn.generation.tool_calls for turn in reading.conversation.turns):
            return []
        signals, calls, is_told = list[Signal](), defaultdict[tuple[str, str], list[Turn]](list), False
        for turn in reading.conversation.turns:
            if any(message.role == "user" for message in turn.generation.input):
                calls.clear()
                is_told = False
            for call in turn.generation.tool_calls:
                if call.arguments is None:
                    continue
                same = calls[call.name, call.arguments]
                same.append(turn)
                if len(same) >= LOOP_CALLS and not is_told:
                    is_told = True
                    signals.append(base.in_behaviour(self, "tool_loop", turn, self.weights, seen_in=same))
        return signals
