"""Who evaluates, who trains, who is drawn: every draw is a hash, so it is the same everywhere and for ever (I5, I6).

In: the split bucket that every event carries, or ids. Out: split, gate draw, arm.
"""

import hashlib
from typing import Final

from feedwheel_capture.ids import SPLIT_BUCKETS
from feedwheel_capture.vocabulary import Arm

from schemas.examples import Split

_UNIT_BITS: Final = 53
"""A float64 holds 53 bits of a fraction exactly."""


def split_of(bucket: int, eval_share: float) -> Split:
    """Split of a bucket 0..9999. A larger share only adds evaluation buckets, so nobody moves from eval to train."""
    return "eval" if bucket < eval_share * SPLIT_BUCKETS else "train"


def is_gate_item(bucket: int, eval_share: float, conversation_id: str, item_share: float) -> bool:
    """Whether everyone in this conversation is asked to confirm or correct: drawn before any feedback exists (I6)."""
    return split_of(bucket, eval_share) == "eval" and unit_draw("gate", conversation_id) < item_share


def arm_of(release_id: str, unit: str, share: float) -> Arm:
    """Arm of a person (or of a conversation if anonymous) in one release; another release draws other people."""
    return "challenger" if unit_draw("arm", release_id, unit) < share else "champion"


def unit_draw(*parts: str) -> float:
    """A number in [0, 1) from the parts, uniform over them: the first 53 bits of their SHA-256."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return (int.from_bytes(digest[:8]) >> (64 - _UNIT_BITS)) / (1 << _UNIT_BITS)
