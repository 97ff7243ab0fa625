"""What a label or a number that somebody gave an answer means as feedback.

In: the name of a score, its number or label, the scale, a comment. Out: the kind and value of a feedback. Exports of
observability products and telemetry give scores alike, so they are read alike.
"""

import re
from typing import Any, Final

from feedwheel_capture.vocabulary import FeedbackKind

Scale = tuple[float, float]
LABEL_SCALE: Final[Scale] = (0.0, 1.0)
"""Of the number that a label stands for."""

_FEEDBACK_NAMES: Final = re.compile(
    r"thumb|(user|human|end.?user|customer)?[-_ .]*feedback|(^|[-_ .])(dis)?like", re.IGNORECASE
)
_GOOD: Final = ("thumbs-up", "thumbsup", "up", "positive", "good", "correct", "like", "👍", "true", "yes")
_BAD: Final = ("thumbs-down", "thumbsdown", "down", "negative", "bad", "incorrect", "dislike", "👎", "false", "no")
_CONVENTION: Final = {"relevant": 1.0, "pass": 1.0, "not-relevant": 0.0, "fail": 0.0}
"""The further examples of the OpenTelemetry convention for `gen_ai.evaluation.score.label`."""
_LABELS: Final = {**dict.fromkeys(_GOOD, 1.0), **dict.fromkeys(_BAD, 0.0), **_CONVENTION}


def number_of(label: str) -> float | None:
    """What a label says on LABEL_SCALE; None where it says neither good nor bad."""
    return _LABELS.get(label.strip().lower().replace("_", "-").replace(" ", "-"))


def as_feedback(name: str, value: float, scale: Scale, comment: str | None) -> tuple[FeedbackKind, dict[str, Any]]:
    """Thumbs where a score is named like them and lies at an end of 0..1 or -1..1, else a rating."""
    low, high = scale
    is_thumb = _FEEDBACK_NAMES.search(name) and high == 1.0 and value in (low, 0.0, high)
    if is_thumb and (value != 0.0 or low == 0.0):
        return "thumbs", {"rating": 1.0 if value == high else -1.0, "scale": (-1.0, 1.0), "text": comment}
    return "rating", {"rating": value, "scale": scale, "text": comment}
